import ArgumentParser
import FineTuning
import Foundation
import Tensors
import Transformer

/// `scion plan`: what `train` with the same arguments would take, without training.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Say what a training run would take in memory and time, without training.",
    discussion: """
      Takes the arguments of train. Model and data are read, memory is planned as train plans it, and two or three \
      micro-batches are timed. Nothing is left behind. A budget that cannot be met ends with exit code 4 and names the \
      smallest that can.

        scion plan -m base.gguf --data examples/ --memory 2G
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: TrainOptions

  @Flag(help: "Print one JSON document instead of the table.")
  var json = false

  func run() throws {
    let recipe = try options.makeRecipe(model)
    try recipe.validate()
    var reporter = TerminalReporter()
    if let threads = recipe.threads { Processor.threads = threads }
    let session = try FineTuneSession(recipe, version: ScionVersion.current)
    try Self.show(session, asJSON: json, &reporter)
  }

  /// What is noticed on stderr; the recipe where it is asked for, and the plan on stdout.
  static func show(
    _ session: FineTuneSession, asJSON: Bool = false, withRecipe: Bool = false,
    _ reporter: inout TerminalReporter
  ) throws {
    let data = session.data
    for notice in session.notices + data.train.notices + (data.validation?.notices ?? []) {
      reporter.warn(notice)
    }
    for notice in session.machineNotices { reporter.say("scion: \(notice)") }
    let estimate = try session.estimate(
      spillDirectory: FileManager.default.temporaryDirectory.path)
    if asJSON {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
      return try StandardStreams.result(
        String(decoding: try encoder.encode(estimate), as: UTF8.self) + "\n")
    }
    var text = withRecipe ? try session.recipe.yaml() : ""
    // The plan behind it as comments: what is printed is a recipe still.
    let table = PlanText.table(estimate)
    text +=
      withRecipe
      ? "\n"
        + table.split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.isEmpty ? "#" : "# \($0)" }.joined(separator: "\n") + "\n" : table
    try StandardStreams.result(text)
  }
}
