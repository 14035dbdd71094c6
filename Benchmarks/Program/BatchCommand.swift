import ArgumentParser
import FineTuning
import Foundation
import Inference
import Tensors
import Transformer

/// `scion-bench batch`: tokens a second of several answers at once, as a share of what the machine allows.
///
/// A step of r rows reads every weight once and does 2·N operations a row (N parameters in products, the head among them), so
/// it cannot take less than the longer of both: bytes / bandwidth, and r·2·N / peak.
struct BatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch",
    abstract: "Answers generated together, 1 to 64: tokens/s, share of min(bandwidth, compute).")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @OptionGroup var models: ModelTypes

  @Option(help: ArgumentHelp("Answers at a time, by commas.", valueName: "numbers"))
  var rows = "1,2,4,8,16,32,64"

  @Option(help: "Tokens of each answer.")
  var generated = 32

  func run() throws {
    try options.apply()
    let numbers = try rows.split(separator: ",").map { text in
      guard let number = Int(text), (1...1024).contains(number) else {
        throw ValidationError("--rows \(text) is not a number of answers: give 1 to 1024")
      }
      return number
    }
    let table = options.table()
    let path = try modelOption.path()
    let reads = try ReadMeter(clock: options.clock)
    let arithmetic = PeakMeter.limit(ComputeType.auto.storage)
    guard let peak = PeakMeter(arithmetic, clock: options.clock) else {
      throw BenchmarkError("no peak of \(arithmetic.name) on \(Processor.instructionSet.name)")
    }
    try models.forEach(of: path) { loaded in
      try check(loaded.model)
      var rates = [Samples](repeating: Samples(), count: numbers.count)
      var shares = rates
      // The first round reads the file and is not counted. Rounds are interleaved.
      for round in 0...options.rounds {
        for (index, number) in numbers.enumerated() {
          let before = limit(loaded.model, rows: number, reads, peak)
          let rate = try measure(loaded.model, rows: number, seed: 1000 * round + number)
          let after = limit(loaded.model, rows: number, reads, peak)
          guard round > 0 else { continue }
          rates[index].append(rate)
          shares[index].append(100 * rate / ((before + after) / 2))
        }
      }
      let format = loaded.model.weights.blocks[0][.gate].format.name
      for (index, number) in numbers.enumerated() {
        table.say(
          "batch \(ResultTable.pad("\(number)", 3)) \(ResultTable.pad(format, 6)) "
            + "\(Processor.instructionSet.name), \(Processor.threads) threads: "
            + "\(ResultTable.text(rates[index].median)) tokens/s, "
            + "\(ResultTable.text(shares[index].median)) % of the limit "
            + "(\(ResultTable.text(shares[index].least)) to \(ResultTable.text(shares[index].greatest)))"
        )
        let name = "batch/\(number)"
        try table.record(name, format: format, rates[index].median, "tokens/s")
        try table.record(name, format: format, shares[index].median, "% of the limit")
      }
    }
  }

  /// Throws unless the products of this many rows on the tier in use are the scalar oracle's within the rounding of inputs.
  private func check(_ model: Model) throws {
    let weight = model.weights.blocks[0][.gate]
    let count = FewProduct.mostTokens
    let arena = try Arena("check", byteCount: 4 * count * (weight.columns + weight.rows) + 4096)
    let x = arena.allocate(rows: count, columns: weight.columns, type: .bfloat16)
    let y = arena.allocate(rows: count, columns: weight.rows, type: .float32)
    var generator = RandomGenerator(seed: 8).stream("inputs")
    x.assign(generator.uniforms(count * weight.columns, bound: 1))
    func product() -> [Float] {
      multiplyFew([FewProduct(into: y, weight)], x)
      return y.array()
    }
    let found = product()
    let tier = Processor.instructionSet
    Processor.instructionSet = .scalar
    defer { Processor.instructionSet = tier }
    let error = GemmCase.relativeError(found, product())
    guard error < 0.02 else {
      throw BenchmarkError("products on \(tier.name) differ from the scalar oracle's by \(error)")
    }
  }

  /// Tokens a second that memory and arithmetic allow, now.
  private func limit(_ model: Model, rows: Int, _ reads: ReadMeter, _ peak: PeakMeter) -> Double {
    let configuration = model.configuration
    let matrices =
      [model.weights.head]
      + model.weights.blocks.flatMap { block in configuration.projections.map { block[$0] } }
    let bytes = Double(matrices.reduce(0) { $0 + $1.byteCount })
    let parameters = Double(matrices.reduce(0) { $0 + $1.rows * $1.columns })
    let seconds = max(
      bytes / reads.measure(), Double(rows) * 2 * parameters / peak.measure())
    return Double(rows) / seconds
  }

  /// Tokens a second of the steps that add one token to each of `rows` answers.
  private func measure(_ model: Model, rows: Int, seed: Int) throws -> Double {
    var generator = RandomGenerator(seed: 7).stream(seed)
    let vocabulary = model.configuration.vocabularySize
    let prompts = (0..<rows).map { _ in
      (0..<8).map { _ in Int32(vocabulary / 4 + generator.index(below: max(vocabulary / 2, 1))) }
    }
    let answers = try BatchGenerator(
      model, storage: ComputeType.auto.storage, prompts: prompts, maxTokens: generated, ends: [],
      slots: rows)
    // All prompts are begun together: they are short.
    _ = try answers.step()
    var finished = 0
    let seconds = try options.clock.seconds {
      while let some = try answers.step() { finished += some.count }
    }
    guard finished == rows else { throw BenchmarkError("answers ended before their time") }
    return Double(rows * (generated - 1)) / seconds
  }
}
