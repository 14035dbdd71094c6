public import ArgumentParser
public import FineTuning
import Foundation
import Serving
import Tensors
import Transformer

/// `scion train`: from a quantized model and examples to an adapter.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Fine-tune a quantized model: train low-rank adapters on examples.",
    discussion: """
      Data are records with prompt/completion, messages, conversations (ShareGPT), instruction/output (Alpaca), text or \
      input_ids, in JSON lines, one JSON array, CSV or TSV (also .gz, .zst), raw text files, or a folder with train.jsonl \
      and, where there is, valid.jsonl. Loss is taken on completions and assistant turns.

      The output folder receives adapter.gguf (for llama.cpp), peft/ (for Hugging Face PEFT), recipe.yaml (to run it \
      again), metrics.jsonl, init.json and a model card. It must be new, empty, or a run's: nothing else in it is \
      touched, and with --overwrite old results stay until the new ones are complete.

      Ctrl-C (or SIGTERM) ends the run at once and keeps what was trained; the second one does not wait for that. \
      Checkpoints are written every ten minutes (--save-every: steps), and the same command goes on from the newest \
      one that is whole, to the same bits as if nothing had happened.

      Other programs go first (--nice 10). kill -USR1 PID pauses the run, which keeps its memory and computes nothing; \
      kill -USR2 PID lets it go on. It says when it runs on battery, is slowed by heat, or has no room for a checkpoint.

        scion train -m base.gguf --data examples/ -o tuned --epochs 2 --lr 5e-4
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: TrainOptions

  @Flag(
    help:
      "Print the recipe with every default written out, and the plan of memory and time; train nothing and leave nothing."
  )
  var dryRun = false

  @Option(
    help: ArgumentHelp(
      "Show the run live in browsers on this machine, at http://127.0.0.1:PORT/ (0: a port that is free).",
      valueName: "port"))
  var dashboard: Int?

  func validate() throws {
    if let dashboard, !(0...65535).contains(dashboard) {
      throw ValidationError("--dashboard \(dashboard) is no port: 0 to 65535")
    }
  }

  func run() throws {
    var recipe = try options.makeRecipe(model)
    try recipe.validate()
    if dryRun {
      var reporter = TerminalReporter(quiet: recipe.quiet)
      if let threads = recipe.threads { Processor.threads = threads }
      let session = try FineTuneSession(recipe, version: ScionVersion.current)
      return try PlanCommand.show(session, withRecipe: true, &reporter)
    }
    guard let output = recipe.output else {
      throw UsageError("no output folder given: add -o FOLDER")
    }
    let inputs = OutputPath.inputs(of: recipe, options.recipe)
    try RunDirectory.check(path: output, overwrite: options.overwrite, inputs: inputs)
    if let threads = recipe.threads { Processor.threads = threads }
    ProcessPriority.lower(to: recipe.nice)
    let pauses = PauseSignals()
    var reporter = TerminalReporter(quiet: recipe.quiet)

    if recipe.now == nil, options.resume == .auto {
      recipe.now = Self.dayOfUnfinishedRun(output)
    }
    // A refusal must leave nothing behind.
    if case .path(let path) = options.resume { try TrainingLoop.checkResumption(from: path) }
    // Before anything is loaded or written: a port that is taken is known at once.
    let watch = try dashboard.map { try RunWatch(output, port: $0) }
    if let watch { reporter.warn("the dashboard is at \(watch.address)") }
    do {
      try train(recipe, into: output, inputs, pauses, watch, &reporter)
      watch?.end(.finished)
    } catch {
      watch?.end(error is Interrupted ? .interrupted : .failed, "\(error)")
      throw error
    }
  }

  private func train(
    _ recipe: FineTuneRecipe, into output: String, _ inputs: [String], _ pauses: PauseSignals,
    _ watch: RunWatch?, _ reporter: inout TerminalReporter
  ) throws {
    let session = try FineTuneSession(recipe, version: ScionVersion.current)
    let directory = try RunDirectory(path: output, overwrite: options.overwrite, inputs: inputs)
    // Until here a signal ends the process: nothing was written.
    let interrupt = InterruptFlag(pauses)
    let run = TrainingRun(
      session: session,
      loop: try TrainingLoop(
        session, in: directory, resume: options.resume, overwrite: options.overwrite,
        stop: interrupt.stop), stop: interrupt.stop, watch: watch)
    watch?.follow(output)
    run.describe(&reporter)
    try run.run(&reporter)
  }
}

extension TrainCommand {
  /// The time that the templates of an interrupted run told: it goes on with that, whatever day it is by now.
  fileprivate static func dayOfUnfinishedRun(_ output: String) -> String? {
    [output, "\(output)/replacement"].lazy
      .filter { FileManager.default.fileExists(atPath: "\($0)/checkpoints") }
      .compactMap { try? FineTuneRecipe(contentsOf: "\($0)/recipe.yaml").now }.first
  }
}

extension TrainingLoop.Resume: ExpressibleByArgument {
  public init?(argument: String) {
    switch argument {
    case "": return nil
    case "auto": self = .auto
    case "never": self = .never
    default: self = .path(argument)
    }
  }

  public var defaultValueDescription: String { "auto" }
}
