internal import Tensors
public import Transformer

/// Which sequences each optimizer step sees, decided whole before training: the number of steps is
/// known.
///
/// Every epoch is a seeded shuffle of its own, cut into `ceil(size / step size)` steps of nearly
/// equal size (a rest is spread instead of left as one tiny step). Inside a step whole sequences
/// are packed into micro-batches, first fit, longest first. Same lengths, options and seed give the
/// same plan.
public struct BatchPlan: Sendable {
  /// How large one optimizer step is.
  public enum StepSize: Sendable, Equatable {
    /// About this many tokens.
    case tokens(Int)
    /// This many sequences.
    case sequences(Int)
  }

  /// How long to train.
  public enum Duration: Sendable, Equatable {
    case epochs(Int)
    case steps(Int)
  }

  /// One optimizer step.
  public struct Step: Sendable, Equatable {
    /// Epoch it belongs to, from 0.
    public let epoch: Int
    /// Passes over the data once this step is done (1.5 = half of the second epoch).
    public let epochsDone: Double
    /// Indices of the sequences of each micro-batch.
    public let microBatches: [[Int]]
  }

  /// Tokens of each sequence of the data set.
  public let lengths: [Int]
  /// Most tokens in a micro-batch of several sequences.
  public private(set) var microTokens: Int

  private var order: [Int32] = []
  /// Positions in `order`; step s is `bounds[s]..<bounds[s + 1]`.
  private var bounds: [Int] = [0]

  /// `lengths` must not be empty; sizes must be positive.
  public init(lengths: [Int], size: StepSize, duration: Duration, microTokens: Int, seed: UInt64) {
    precondition(!lengths.isEmpty && microTokens > 0)
    self.lengths = lengths
    self.microTokens = microTokens
    let total: Int
    let wanted: Int
    switch size {
    case .tokens(let tokens):
      total = lengths.reduce(0, +)
      wanted = tokens
    case .sequences(let sequences):
      total = lengths.count
      wanted = sequences
    }
    precondition(wanted > 0)
    let parts = (total + wanted - 1) / wanted
    let limit: Int
    let epochs: Int
    switch duration {
    case .epochs(let count): (epochs, limit) = (count, Int.max)
    case .steps(let count): (epochs, limit) = (Int.max, count)
    }
    let generator = RandomGenerator(seed: seed).stream("batches")
    var epoch = 0
    while epoch < epochs, stepCount < limit {
      var epochGenerator = generator.stream(epoch)
      let shuffled = epochGenerator.permutation(lengths.count)
      var done = 0
      var part = 0
      for index in shuffled {
        let weight = if case .tokens = size { lengths[index] } else { 1 }
        // The part in which the middle of this sequence lies; parts that get none are left out.
        let own = min((2 * done + weight) * parts / (2 * total), parts - 1)
        if own != part {
          closeStep()
          part = own
        }
        if stepCount == limit { break }
        order.append(Int32(index))
        done += weight
      }
      closeStep()
      epoch += 1
    }
  }

  private mutating func closeStep() {
    if order.count > bounds[bounds.count - 1] { bounds.append(order.count) }
  }

  /// Optimizer steps in all.
  public var stepCount: Int { bounds.count - 1 }

  /// Tokens that all steps read.
  public var tokenCount: Int { order.reduce(0) { $0 + lengths[Int($1)] } }

  /// Step `index`, from 0.
  public func step(_ index: Int) -> Step {
    let range = bounds[index]..<bounds[index + 1]
    return Step(
      epoch: range.lowerBound / lengths.count,
      epochsDone: Double(range.upperBound) / Double(lengths.count),
      microBatches: Self.pack(order[range].map { Int($0) }, lengths: lengths, limit: microTokens))
  }

  /// The same steps, cut into micro-batches of at most `microTokens` tokens.
  public func withMicroBatches(of microTokens: Int) -> BatchPlan {
    precondition(microTokens > 0)
    var plan = self
    plan.microTokens = microTokens
    return plan
  }

  /// The micro-batches of step `index`, cut from the sequences the plan was made for.
  public func batches(
    _ index: Int, of sequences: some TokenSequenceList
  ) -> [TokenBatch] {
    precondition(sequences.count == lengths.count)
    return step(index).microBatches.map { TokenBatch($0.map { sequences[$0] }) }
  }

  /// Whole sequences packed into as few runs of at most `limit` tokens as first fit, longest first,
  /// finds. A sequence longer than `limit` gets a run of its own.
  public static func pack(_ indices: [Int], lengths: [Int], limit: Int) -> [[Int]] {
    let sorted = indices.enumerated().sorted {
      let (left, right) = (lengths[$0.element], lengths[$1.element])
      return left == right ? $0.offset < $1.offset : left > right
    }
    var runs: [[Int]] = []
    var room: [Int] = []
    // Runs before `firstOpen` have no room for even the shortest sequence.
    let shortest = indices.map { lengths[$0] }.min() ?? 0
    var firstOpen = 0
    for (_, index) in sorted {
      while firstOpen < runs.count, room[firstOpen] < shortest { firstOpen += 1 }
      if let run = (firstOpen..<runs.count).first(where: { room[$0] >= lengths[index] }) {
        runs[run].append(index)
        room[run] -= lengths[index]
      } else {
        runs.append([index])
        room.append(limit - lengths[index])
      }
    }
    return runs
  }

  /// All sequences once, in micro-batches of at most `microTokens` tokens: an evaluation.
  public static func evaluation(
    _ sequences: some TokenSequenceList, microTokens: Int
  ) -> [TokenBatch] {
    pack(
      Array(0..<sequences.count), lengths: sequences.lengths, limit: microTokens
    ).map { TokenBatch($0.map { sequences[$0] }) }
  }
}
