import ArgumentParser
import FineTuning
import Foundation
import Inference

/// `scion data`: the data doctor.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract:
      "Look a data set over before training: format, bad records, lengths, duplicates, leaks.",
    discussion: """
      Reads files and folders as train would, but goes on after a fault, and says what to do about each: bad records with \
      line, column and reason, duplicates, records of the validation or test part that are trained on too (exactly or \
      nearly), and what its format is. With a model also the lengths in tokens, what --seq-len would cut, markers in \
      texts, and three records as the model sees them, with what is learned marked.

      Exit code 3 says that train would fail on these data.

        scion data train.jsonl
        scion data examples/ -m base.gguf --seq-len 512
      """)

  @Argument(
    help: ArgumentHelp("Files or folders, as train --data takes them.", valueName: "path"),
    completion: .file())
  var paths: [String]

  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp(
      "Model whose tokenizer and chat template are used (default: $SCION_MODEL, or none).",
      valueName: "file"), completion: .file())
  var model: String?

  @OptionGroup var templates: TemplateOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most tokens in a sequence, as for train.", valueName: "n"))
  var seqLen = 1024

  @Option(
    help: ArgumentHelp(
      "Roles whose messages are learned, as for train.", valueName: "assistant,tool,…"))
  var trainOn = "assistant"

  @Flag(help: "Learn prompts too, as for train.")
  var trainOnPrompt = false

  @Flag(help: "Print one JSON document instead of the report.")
  var json = false

  @Flag(help: "Leave out the examples.")
  var quiet = false

  func validate() throws {
    if seqLen < 2 { throw ValidationError("--seq-len must be at least 2") }
  }

  func run() throws {
    var recipe = FineTuneRecipe()
    (recipe.trainOn, recipe.trainOnPrompt) = (trainOn, trainOnPrompt)
    try recipe.validate()
    let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] ?? ""
    let loaded = path.isEmpty ? nil : try LoadedModel(path: path)
    let builder = loaded.map {
      SequenceBuilder(
        $0, template: templates.template, clock: templates.clock ?? .today,
        sequenceLength: DataDoctor.longest, trainOnPrompt: recipe.trainOnPrompt,
        roles: recipe.learnedRoles)
    }
    let context = loaded?.model.configuration.contextLength ?? seqLen
    let doctor = DataDoctor(builder: builder, sequenceLength: max(min(seqLen, context), 2))
    let diagnosis = doctor.examine(try paths.map { try DataPart($0) })
    if json {
      try StandardStreams.result(try DiagnosisDocument(diagnosis).text)
    } else {
      try StandardStreams.result(
        DiagnosisText.report(diagnosis, withExamples: !quiet, inColour: TemplateCommand.hasColour))
    }
    if diagnosis.wouldFail { throw WouldFail() }
  }

  /// The diagnosis has been printed; train would fail.
  struct WouldFail: Error, CustomStringConvertible {
    let description = "train would fail on these data: correct what is marked with !"
  }
}
