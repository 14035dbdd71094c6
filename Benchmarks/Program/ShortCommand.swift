import ArgumentParser
import FineTuning
import Tensors
import Transformer

/// `scion-bench short`: steps on real rows, which are short and whose prompts are no targets.
struct ShortCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "short",
    abstract: "Training steps on real rows with masked prompts: tokens/s, share of peak.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption
  @OptionGroup var rows: RealRows

  @Option(help: "Steps that a round takes together.")
  var steps = 3

  func validate() throws {
    guard steps > 0 else { throw ValidationError("--steps must be 1 or more") }
  }

  func run() throws {
    try options.apply()
    let path = try modelOption.path()
    let table = options.table()
    for set in try options.instructionSets() {
      Processor.instructionSet = set
      let types: [ComputeType] = Processor.trainsFasterInInt8 ? [.bf16, .int8] : [.bf16]
      let sessions = try types.map { try rows.session(path, compute: $0) }
      guard
        let meter = PeakMeter(
          PeakMeter.limit(ComputeType.auto.storage), clock: options.clock, seconds: 0.05)
      else { continue }
      var rates = [Samples](repeating: Samples(), count: types.count)
      var shares = rates
      // The first steps read the file and touch all memory.
      for session in sessions { _ = try step(session, steps: 0..<1) }
      for round in 0..<options.rounds {
        let range = 1 + round * steps..<1 + (round + 1) * steps
        for (index, session) in sessions.enumerated() {
          let before = meter.measure()
          let (work, tokens, seconds) = try step(session, steps: range)
          shares[index].append(100 * work / seconds / ((before + meter.measure()) / 2))
          rates[index].append(Double(tokens) / seconds)
        }
      }
      for (index, type) in types.enumerated() {
        try report(table, type, sessions[index], meter, rates[index], shares[index])
      }
    }
  }

  /// Operations, tokens and seconds of some steps, the first of the data again behind the last.
  private func step(
    _ session: FineTuneSession, steps: Range<Int>
  ) throws -> (work: Double, tokens: Int, seconds: Double) {
    let trainer = session.trainer
    let batches = steps.map {
      session.batchPlan.batches($0 % session.batchPlan.stepCount, of: session.data.train.sequences)
    }
    let model = ModelWork(trainer.model.configuration)
    let work = batches.reduce(0) {
      $0
        + model.training(
          $1, trainer.adapters.layout, keptLayers: session.memoryPlan.keptLayers
        ).counted
    }
    let seconds = try options.clock.seconds {
      for batch in batches {
        let report = try trainer.step(batch, learningRate: 1e-6)
        guard report.loss.isFinite, report.loss > 0 else {
          throw BenchmarkError("the loss of a step is wrong: \(report.loss)")
        }
      }
    }
    let tokens = batches.joined().reduce(0) { $0 + $1.tokenCount }
    return (work, tokens, seconds)
  }

  private func report(
    _ table: ResultTable, _ type: ComputeType, _ session: FineTuneSession, _ meter: PeakMeter,
    _ rates: Samples, _ shares: Samples
  ) throws {
    let sequences = session.data.train.sequences
    let tokens = sequences.lengths.reduce(0) { $0 + Int($1) }
    let batches = session.batchPlan.batches(0, of: sequences)
    let targets = batches.reduce(0) { $0 + $1.targetCount }
    let read = batches.reduce(0) { $0 + $1.tokenCount }
    let name = "short/\(rows.batch)/\(type.rawValue)"
    table.say(
      ResultTable.pad(name, 16) + "\(Processor.instructionSet.name), \(Processor.threads) threads: "
        + "\(ResultTable.text(rates.median)) tokens/s, \(ResultTable.text(shares.median)) % of "
        + "\(meter.arithmetic.name) peak (\(ResultTable.text(shares.least)) to "
        + "\(ResultTable.text(shares.greatest))); rows of "
        + "\(ResultTable.text(Double(tokens) / Double(max(sequences.count, 1)))) tokens, a step has "
        + "\(read) tokens in \(batches.count) micro-batches, \(targets) targets")
    try table.record(name, rates.median, "tokens/s")
    try table.record(name, shares.median, "% of \(meter.arithmetic.name) peak")
  }
}
