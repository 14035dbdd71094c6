import ArgumentParser
import FineTuning
import Foundation
import Inference
import Tensors
import Transformer

/// `scion-bench generate`: prompt and generated tokens a second; the latter as a share of how fast memory is read.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Generation: prompt (512) and generated (128) tokens/s, share of memory bandwidth.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @OptionGroup var models: ModelTypes

  @Option(help: "Tokens of the prompt.")
  var prompt = 512

  @Option(help: "Tokens to generate.")
  var generated = 128

  func run() throws {
    try options.apply()
    let table = options.table()
    let path = try modelOption.path()
    let meter = try ReadMeter(clock: options.clock)
    try models.forEach(of: path) { try measure($0, meter, table) }
  }

  private func measure(_ loaded: LoadedModel, _ meter: ReadMeter, _ table: ResultTable) throws {
    let session = try GenerationSession(
      loaded, storage: ComputeType.auto.storage, contextLength: max(prompt, generated) + 8)
    try check(session)
    let weights = loaded.model.weights
    let bytes =
      weights.head.byteCount
      + weights.blocks.reduce(0) { sum, block in
        loaded.model.configuration.projections.reduce(sum) { $0 + block[$1].byteCount }
      }
    var (prompts, rates, shares) = (Samples(), Samples(), Samples())
    var before = meter.measure()
    // The first round reads the file and is not counted.
    for round in 0...options.rounds {
      let promptSeconds = try options.clock.seconds {
        try session.start(
          prompt: Self.ids(prompt, round, of: session), GenerationOptions(maxTokens: 0))
      }
      let rate = try generate(session, round)
      let after = meter.measure()
      defer { before = after }
      guard round > 0 else { continue }
      prompts.append(Double(prompt) / promptSeconds)
      rates.append(rate)
      shares.append(100 * Double(bytes) * rate / ((before + after) / 2))
    }
    let format = weights.blocks[0][.gate].format.name
    table.say(
      "generate \(ResultTable.pad(format, 6)) \(Processor.instructionSet.name), "
        + "\(Processor.threads) threads: prompt \(ResultTable.text(prompts.median)) tokens/s, "
        + "generated \(ResultTable.text(rates.median)) tokens/s, "
        + "\(ResultTable.text(shares.median)) % of read bandwidth "
        + "(\(ResultTable.text(shares.least)) to \(ResultTable.text(shares.greatest)))")
    try table.record("generate/prompt\(prompt)", format: format, prompts.median, "tokens/s")
    try table.record("generate/tokens\(generated)", format: format, rates.median, "tokens/s")
    try table.record(
      "generate/tokens\(generated)", format: format, shares.median, "% of read bandwidth")
  }

  /// Tokens a second of `generated` tokens after a prompt of one. Random prompts end early at times: then another begins.
  private func generate(_ session: GenerationSession, _ round: Int) throws -> Double {
    var (count, seconds, attempt) = (0, 0.0, 0)
    while count < generated {
      attempt += 1
      guard attempt < 1000 else { throw BenchmarkError("the model only ever ends its answer") }
      try session.start(
        prompt: Self.ids(1, 1000 * round + attempt, of: session),
        GenerationOptions(maxTokens: generated - count))
      var pieces = 0
      seconds += try options.clock.seconds {
        while try session.next() != nil { pieces += 1 }
      }
      count += session.report.generatedTokens
    }
    return Double(count) / seconds
  }

  /// A prompt like no other: nothing cached can be used again.
  static func ids(_ count: Int, _ seed: Int, of session: GenerationSession) -> [Int32] {
    let vocabulary = session.loaded.model.configuration.vocabularySize
    var generator = RandomGenerator(seed: 6).stream(seed)
    // The middle of a vocabulary holds plain tokens, whatever the tokenizer.
    let first = vocabulary / 4
    return (0..<count).map { _ in
      Int32(first + generator.index(below: max(vocabulary / 2, 1)))
    }
  }

  /// Throws unless a few logits on the tier in use are the scalar oracle's within bf16's rounding.
  private func check(_ session: GenerationSession) throws {
    func logits() throws -> [Float] {
      try session.start(prompt: Self.ids(8, -1, of: session), GenerationOptions(maxTokens: 1))
      let values = session.logits().array()
      // Forget what is cached.
      try session.start(prompt: Self.ids(1, -2, of: session), GenerationOptions(maxTokens: 0))
      return values
    }
    let found = try logits()
    let tier = Processor.instructionSet
    Processor.instructionSet = .scalar
    defer { Processor.instructionSet = tier }
    let error = GemmCase.relativeError(found, try logits())
    guard error < 0.05 else {
      throw BenchmarkError("logits on \(tier.name) differ from the scalar oracle's by \(error)")
    }
  }
}
