internal import Glibc
public import Tensors

/// How many threads a process computes with where nobody has said it: one for each processor that it may use, fewer where a
/// control group grants less time, and one for each core, or each fast core, where a trial shows that more are not faster.
public enum ThreadChoice {
  /// More threads must be so much faster to be taken: they cost the machine's other work.
  private static let gain = 1.03
  private static let rounds = 5
  /// Of one product, about: some milliseconds on a slow core.
  private static let operations = 1 << 28

  /// Whether the environment says it (`OMP_NUM_THREADS`).
  public static var isGiven: Bool { unsafe getenv("OMP_NUM_THREADS") != nil }

  /// Sets what control groups grant, without a trial. For the beginning of a program.
  public static func limit() {
    guard !isGiven else { return }
    Processor.threads = ProcessorShare.current.threads
  }

  /// Tries one of the model's products where cores have several hardware threads or are of several kinds, sets
  /// `Processor.threads`, and says in a sentence why it is not every processor; nil where it is. Where `Processor.threads` is no
  /// longer what `limit` sets, somebody has chosen: nothing is tried.
  ///
  /// Results do not depend on it. Throws `outOfMemory` for want of some megabytes.
  public static func settle(
    for model: Model, storage: ElementType
  ) throws(TensorError) -> String? {
    let share = ProcessorShare.current
    guard !isGiven, Processor.threads == share.threads else { return nil }
    let candidates = share.candidates
    guard candidates.count > 1, let weight = model.weights.blocks.first?.dense.max(by: isSmaller)
    else { return limited(share) }
    let seconds = try seconds(of: candidates, weight, storage)
    let chosen = fastest(of: candidates, seconds)
    Processor.threads = candidates[chosen]
    return sentence(share, candidates, seconds, chosen)
  }

  /// The index of the fewest threads beyond which more gain nothing worth it.
  static func fastest(of candidates: [Int], _ seconds: [Double]) -> Int {
    candidates.indices.dropFirst().reduce(0) { best, index in
      seconds[index] * gain < seconds[best] ? index : best
    }
  }

  static func sentence(
    _ share: ProcessorShare, _ candidates: [Int], _ seconds: [Double], _ chosen: Int
  ) -> String? {
    let last = candidates.count - 1
    guard chosen < last else { return limited(share) }
    let change = Int(((seconds[last] / seconds[chosen] - 1) * 100).rounded())
    return "computes with \(counted(candidates[chosen])): in a trial \(candidates[last]) were "
      + (change > 0 ? "\(change) % slower" : "no more than \(-change) % faster")
      + " (--threads \(candidates[last]) takes them)"
  }

  /// Of a process whose control group grants less than its processors.
  static func limited(_ share: ProcessorShare) -> String? {
    guard let quota = share.quota, share.threads < share.processors.count else { return nil }
    let granted = (quota * 100).rounded() / 100
    return "computes with \(counted(share.threads)): the control group grants the time of "
      + "\(granted) of \(share.processors.count) processors"
  }

  private static func counted(_ threads: Int) -> String {
    threads == 1 ? "1 thread" : "\(threads) threads"
  }

  private static func isSmaller(_ left: QuantizedMatrix, _ right: QuantizedMatrix) -> Bool {
    left.rows * left.columns < right.rows * right.columns
  }

  /// The median of one product's time with each number of threads, in turn.
  private static func seconds(
    of candidates: [Int], _ weight: QuantizedMatrix, _ storage: ElementType
  ) throws(TensorError) -> [Double] {
    let tokens = min(max(operations / (2 * weight.rows * weight.columns), 32), 512)
    let arena = try Arena(
      "the trial of threads",
      byteCount: tokens * (weight.rows + weight.columns) * storage.byteCount + 4096)
    let x = arena.allocate(rows: tokens, columns: weight.columns, type: storage)
    let y = arena.allocate(rows: tokens, columns: weight.rows, type: storage)
    x.clear()
    let clock = ContinuousClock()
    var times = candidates.map { _ in [Double]() }
    for round in 0...rounds {
      for (index, threads) in candidates.enumerated() {
        Processor.threads = threads
        let time = clock.measure { multiply(into: y, x, weight) }
        // The first round brings pages and threads.
        if round > 0 { times[index].append(time / .seconds(1)) }
      }
    }
    return times.map { $0.sorted()[$0.count / 2] }
  }
}
