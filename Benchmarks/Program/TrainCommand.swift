import ArgumentParser
import FineTuning
import Tensors

/// `scion-bench train`: optimizer steps on synthetic tokens, as tokens a second and share of the peak.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Training steps: tokens/s, share of peak, peak memory, per sequences x length.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @Option(
    help: ArgumentHelp(
      "One step's sequences and their length, 8x512 (default: a series, each in a process of its own).",
      valueName: "SxL"))
  var size: String?

  @Option(help: ArgumentHelp("Memory budget in MB, as `scion train --memory`.", valueName: "MB"))
  var memory: Int?

  /// 8 × 512 and 4 × 256, then equal tokens in sequences of 128 to 4096.
  private static let series = ["8x512", "4x256", "32x128", "16x256", "4x1024", "2x2048", "1x4096"]

  func run() throws {
    try options.apply()
    let path = try modelOption.path()
    if let size {
      let (sequences, length) = try Self.sequencesAndLength(size)
      try measure(path, sequences: sequences, length: length)
      return
    }
    // Peak memory is a process's: every entry has its own.
    for threads in options.threads.map({ [$0] }) ?? Set([1, Processor.threads]).sorted(by: >) {
      for size in Self.series where threads > 1 || options.threads != nil || size == "8x512" {
        try ChildProcess.run(
          ["train"] + options.arguments(threads: threads) + ["--model", path, "--size", size]
            + (memory.map { ["--memory", "\($0)"] } ?? []))
      }
    }
  }

  /// Of `8x512`.
  static func sequencesAndLength(_ size: String) throws -> (Int, Int) {
    let sizes = size.split(separator: "x").compactMap { Int($0) }
    guard sizes.count == 2, sizes[0] > 0, sizes[1] > 1 else {
      throw ValidationError("--size \(size) is not like 8x512")
    }
    return (sizes[0], sizes[1])
  }

  private func measure(_ path: String, sequences: Int, length: Int) throws {
    let table = options.table()
    guard
      let meter = PeakMeter(
        PeakMeter.limit(ComputeType.auto.storage), clock: options.clock, seconds: 0.05)
    else {
      return
    }
    let setup = try TrainingSetup(
      path: path, sequences: sequences, length: length, budget: memory.map { $0 * 1_000_000 })
    let work = setup.work
    let tokens = Double(sequences * length)
    // The first step reads the file and touches all memory.
    _ = try setup.trainer.step(setup.batches, learningRate: 1e-6)
    let peakMemory = ProcessMemory.peak
    var (rates, shares) = (Samples(), Samples())
    var before = meter.measure()
    for _ in 0..<options.rounds {
      let seconds = try options.clock.seconds {
        _ = try setup.trainer.step(setup.batches, learningRate: 1e-6)
      }
      let after = meter.measure()
      rates.append(tokens / seconds)
      shares.append(100 * work.counted / seconds / ((before + after) / 2))
      before = after
    }
    let memory = max(peakMemory, ProcessMemory.peak)
    try setup.check()
    let name = "train/\(sequences)x\(length)"
    table.say(
      ResultTable.pad(name, 16) + "\(Processor.instructionSet.name), \(Processor.threads) threads: "
        + "\(ResultTable.text(rates.median)) tokens/s, \(ResultTable.text(shares.median)) % of "
        + "\(meter.arithmetic.name) peak (\(ResultTable.text(shares.least)) to "
        + "\(ResultTable.text(shares.greatest))), \(memory / 1_000_000) MB, micro-batches of "
        + "\(setup.plan.workspace.tokens)"
        + (setup.recomputedLayers > 0 ? ", \(setup.recomputedLayers) blocks run again" : "")
        + String.percent(" attention", work.attention / work.counted)
        + String.percent(" adapters beside", work.adapters / work.counted))
    try table.record(name, rates.median, "tokens/s")
    try table.record(name, shares.median, "% of \(meter.arithmetic.name) peak")
    try table.record(name, Double(memory) / 1e6, "MB peak resident")
    try table.record(name, Double(setup.plan.total) / 1e6, "MB planned")
    try table.record("\(name)/work", work.counted / tokens / 1e9, "GFLOP/token")
    try table.record("\(name)/adapters", 100 * work.adapters / work.counted, "% of the work beside")
  }
}

extension String {
  /// `, name 12.3 %`.
  static func percent(_ name: String, _ share: Double) -> String {
    ",\(name) \(ResultTable.text(100 * share)) %"
  }
}
