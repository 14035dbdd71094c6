import ArgumentParser
import FineTuning
import Foundation
import Tensors
import Transformer

/// `scion-bench init`: LoRA-One's start, as seconds of its two parts and memory beyond training's.
struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "LoRA-One's start: time and memory beside training's, or its accuracy.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @Option(help: "Sequences whose gradient is taken.")
  var sequences = 8

  @Option(help: "Tokens of each.")
  var length = 1024

  @Option(
    help: ArgumentHelp(
      "What products are computed in, as `scion train --compute`, here and in training.",
      valueName: "type"))
  var compute = ComputeType.auto

  @Flag(
    help: ArgumentHelp(
      "Compares the randomized SVD of every matrix with an exact one instead.",
      discussion: "At ranks 8 and 64; reports the least descent efficiency."))
  var accuracy = false

  @Option(
    help: ArgumentHelp(
      "The sequences: a JSON list of lists of token ids (default: random tokens).",
      valueName: "file"))
  var samples: String?

  func run() throws {
    try options.apply()
    let table = options.table()
    var setup = try TrainingSetup(
      path: try modelOption.path(), sequences: sequences, length: length, takesGradient: true,
      compute: compute.settled)
    if let samples {
      let ids = try JSONDecoder().decode(
        [[Int32]].self, from: Data(contentsOf: URL(fileURLWithPath: samples)))
      try setup.use(ids.map { TokenSequence(allTargets: $0) })
    }
    if accuracy { return try compare(setup, table) }
    let folder = FileManager.default.temporaryDirectory.path
    // A step first: it touches all of training's memory.
    _ = try setup.trainer.step(setup.batches, learningRate: 1e-6)
    let trainingPeak = ProcessMemory.peak
    var (gradients, decompositions, ratios) = (Samples(), Samples(), Samples())
    for _ in 0..<options.rounds {
      let pass = try options.clock.seconds {
        for batch in setup.batches { _ = try setup.trainer.time(batch) }
      }
      let (gradient, decomposition) = try start(setup, folder)
      gradients.append(gradient)
      decompositions.append(decomposition)
      ratios.append((gradient + decomposition) / pass)
    }
    let extra = max(0, ProcessMemory.peak - trainingPeak)
    let name = "init/\(sequences)x\(length)"
    table.say(
      "\(name), \(compute.settled.rawValue), \(Processor.threads) threads: \(ResultTable.text(gradients.median)) s gradient, "
        + "\(ResultTable.text(decompositions.median)) s SVD, "
        + "\(ResultTable.text(ratios.median)) times forward and backward of training over the same tokens "
        + "(\(ResultTable.text(ratios.least)) to \(ResultTable.text(ratios.greatest))); "
        + "\(extra / 1_000_000) MB beyond training's peak of \(trainingPeak / 1_000_000) MB")
    try table.record("\(name)/gradient", gradients.median, "s")
    try table.record("\(name)/svd", decompositions.median, "s")
    try table.record(name, ratios.median, "times forward and backward")
    try table.record(name, Double(extra) / 1e6, "MB beyond training")
  }

  /// Seconds of one whole start, in its two parts. Throws when the start is not one: some matrix kept no direction.
  private func start(
    _ setup: TrainingSetup, _ folder: String
  ) throws -> (gradient: Double, decomposition: Double) {
    var (gradient, decomposition) = (0.0, 0.0)
    var session: StartSession?
    gradient += try options.clock.seconds {
      session = try StartSession(
        setup.trainer,
        initializer: AdapterInitializer(.loraOne, generator: RandomGenerator(seed: 5)),
        data: InitializationData(setup.batches), memory: setup.plan.start, spillDirectory: folder)
    }
    guard let session else { return (gradient, decomposition) }
    var isDone = false
    while !isDone {
      var activity = ""
      let seconds = try options.clock.seconds {
        guard let progress = try session.advance() else {
          isDone = true
          return
        }
        activity = progress.activity
      }
      if activity.hasSuffix("decomposed") {
        decomposition += seconds
      } else if !activity.hasPrefix("loss of the start") {
        // The loss afterwards tells the user how good the start is: no part of its time.
        gradient += seconds
      }
    }
    let report = session.report()
    guard report.matrices.count == setup.trainer.adapters.layout.slots.count,
      report.matrices.allSatisfy({ $0.capturedShare > 0 && $0.capturedShare <= 1.000_1 }),
      let before = report.lossBefore, let after = report.lossAfter, before.isFinite, after.isFinite
    else { throw BenchmarkError("the start is wrong: a matrix has no share of its gradient") }
    return (gradient, decomposition)
  }

  private func compare(_ setup: TrainingSetup, _ table: ResultTable) throws {
    let name = "init/\(sequences)x\(length)/accuracy"
    for form in [GradientForm.dense, .factors] {
      var least: [Int: StartAccuracy.Entry] = [:]
      try StartAccuracy.measure(
        setup.trainer, batches: setup.batches, ranks: [8, 64], form: form,
        spillDirectory: FileManager.default.temporaryDirectory.path
      ) { entry in
        if entry.efficiency < least[entry.rank]?.efficiency ?? .infinity {
          least[entry.rank] = entry
        }
      }
      for (rank, entry) in least.sorted(by: { $0.key < $1.key }) {
        table.say(
          "\(name), \(form.rawValue), rank \(rank): least descent efficiency "
            + "\(entry.efficiency) (\(entry.name))")
        try table.record("\(name)/\(form.rawValue)/r\(rank)", entry.efficiency, "least efficiency")
      }
    }
  }
}
