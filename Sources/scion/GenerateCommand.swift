import ArgumentParser
import FineTuning
import Foundation
import Inference
import Tokenization

/// `scion generate`: text from the base, from base + adapter, or from a merged model.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continue a text, or answer as the assistant of a chat.",
    discussion: """
      Without --chat the prompt is continued as plain text. With --chat it is put through the model's chat template \
      as the user's turn, which is what instruction-tuned models and adapters trained on prompt/completion records \
      expect. Greedy unless --temperature is above 0. The text goes to stdout, figures to stderr.

        scion generate -m base.gguf --adapter tuned --chat -p "Hello"
      """)

  @OptionGroup var model: ModelOptions

  @Option(
    help: ArgumentHelp(
      "Adapter: the folder that train wrote, an adapter.gguf, or a PEFT folder.",
      valueName: "path"),
    completion: .file())
  var adapter: String?

  @Option(
    name: [.customShort("p"), .long], parsing: .unconditional,
    help: ArgumentHelp("The prompt; - reads it from stdin.", valueName: "text"))
  var prompt: String

  @Flag(help: "Treat the prompt as a user's turn in a chat.")
  var chat = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("System message of the chat.", valueName: "text"))
  var system: String?

  @Option(
    help: ArgumentHelp(TemplateName.help, valueName: TemplateName.values),
    completion: .list(TemplateName.all))
  var template = "auto"

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Most tokens to generate.", valueName: "n"))
  var maxTokens = 256

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "0 takes the likeliest token; higher values vary more.", valueName: "number"))
  var temperature: Float = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sample among the likeliest tokens that hold this share.", valueName: "share"))
  var topP: Float = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sample among so many of the likeliest tokens (default: all).", valueName: "n"))
  var topK: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Same seed, same text.", valueName: "n"))
  var seed: UInt64 = 42

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Text that ends the answer; may be given more than once.", valueName: "text")
  )
  var stop: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Positions of context (default: what prompt and answer need).", valueName: "n"))
  var context: Int?

  @Flag(help: "No figures on stderr.")
  var quiet = false

  func validate() throws {
    if system != nil && !chat { throw ValidationError("--system needs --chat") }
    if let context, context < 2 { throw ValidationError("--context must be at least 2") }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1") }
    try TemplateName.check(template)
  }

  func run() throws {
    let loaded = try model.load()
    let adapters = try adapter.map {
      try AdapterFile.load($0, for: loaded, storage: model.storage)
    }
    var text = prompt
    if prompt == "-" {
      text = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    }
    let ids: [Int32]
    if chat {
      let messages =
        (system.map { [ChatMessage(role: "system", content: $0)] } ?? [])
        + [ChatMessage(role: "user", content: text)]
      ids = loaded.tokens(messages: messages, template: try loaded.template(template))
    } else {
      ids = loaded.tokens(text: text)
    }
    let session = try GenerationSession(
      loaded, adapters: adapters, storage: model.storage,
      contextLength: context ?? ids.count + max(maxTokens, 1))
    try session.start(
      prompt: ids,
      GenerationOptions(
        maxTokens: maxTokens, temperature: temperature, topP: topP, topK: topK, seed: seed,
        stop: stop))
    let interrupt = InterruptFlag()
    while let piece = try session.next() {
      try StandardStreams.result(piece.text)
      if interrupt.isSet { break }
    }
    try StandardStreams.result("\n")
    if interrupt.isSet { throw Interrupted(description: "interrupted: the text is not complete") }
    var reporter = TerminalReporter(quiet: quiet)
    let report = session.report
    reporter.say(
      String(
        format: "prompt %d tokens, %.1f tokens/s; generated %d tokens, %.1f tokens/s",
        report.promptTokens, Double(report.promptTokens) / max(report.promptSeconds, 1e-9),
        report.generatedTokens,
        Double(report.generatedTokens) / max(report.generationSeconds, 1e-9)))
  }
}
