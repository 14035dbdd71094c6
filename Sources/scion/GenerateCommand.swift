import ArgumentParser
import FineTuning
import Foundation
import Inference
import ModelFiles
import Tensors
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

      To compare with other programs, --ids gives the prompt as tokens, and --logits writes what the model predicts \
      after the prompt, {"ids": [...], "logits": [...]}, one logit a token of the vocabulary, instead of generating.

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
  var prompt: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The prompt as token ids in place of -p, such as 1,4093,198.", valueName: "list"))
  var ids: String?

  @Flag(help: "Treat the prompt as a user's turn in a chat.")
  var chat = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("System message of the chat.", valueName: "text"))
  var system: String?

  @OptionGroup var templates: TemplateOptions

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

  @Flag(help: "Do not end with the model's turn, but after --max-tokens: to measure speed.")
  var ignoreEos = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Positions of context (default: what prompt and answer need).", valueName: "n"))
  var context: Int?

  @Option(
    help: ArgumentHelp(
      "Write the prompt's next-token logits as JSON; generate nothing.", valueName: "file"))
  var logits: String?

  @Flag(help: "No figures on stderr.")
  var quiet = false

  func validate() throws {
    if (prompt == nil) == (ids == nil) {
      throw ValidationError("give the prompt: either -p or --ids")
    }
    if ids != nil && chat { throw ValidationError("--ids are complete: --chat does not apply") }
    if system != nil && !chat { throw ValidationError("--system needs --chat") }
    if let context, context < 2 { throw ValidationError("--context must be at least 2") }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1") }
  }

  func run() throws {
    let given = try ids.map(GenerateCommand.tokens)
    try OutputPath.checkApart(
      [logits].compactMap(\.self),
      inputs: [try model.path(), adapter, templates.template].compactMap(\.self))
    if let logits { try OutputKind.logits.check(logits) }
    let loaded = try model.load()
    let adapters = try adapter.map {
      try AdapterFile.load($0, for: loaded, storage: model.storage)
    }
    let tokens = try given ?? promptTokens(loaded)
    // Said before the prompt is computed.
    if logits == nil { _ = try loaded.decoder }
    let session = try GenerationSession(
      loaded, adapters: adapters, storage: model.storage,
      contextLength: context ?? tokens.count + max(maxTokens, 1))
    var reporter = TerminalReporter(quiet: quiet)
    if let context, context > session.contextLength {
      reporter.warn(
        "--context \(context) is more than the model's: \(session.contextLength) positions are used"
      )
    }
    if let notice = session.loaded.model.configuration.rotationNotice(
      forSequencesOf: session.contextLength)
    {
      reporter.warn(notice)
    }
    let interrupt = InterruptFlag()
    try session.start(
      prompt: tokens,
      GenerationOptions(
        maxTokens: maxTokens, temperature: temperature, topP: topP, topK: topK, seed: seed,
        stop: stop, ignoresEnd: ignoreEos), stop: interrupt.stop)
    if interrupt.isSet { throw Interrupted(description: "interrupted: nothing was generated") }
    if let logits {
      try NextTokenLogits(ids: tokens, logits: session.logits().array()).write(path: logits)
    } else {
      try generate(session, interrupt)
    }
  }

  /// The token ids of a list such as "1, 4093, 198".
  static func tokens(_ list: String) throws -> [Int32] {
    try list.split(separator: ",", omittingEmptySubsequences: false).map { item in
      let item = item.trimmingCharacters(in: .whitespaces)
      guard let id = Int32(item) else {
        throw UsageError("--ids: \"\(item)\" is not a token id: give numbers with commas between")
      }
      return id
    }
  }

  /// The tokens of --prompt, as plain text or as a user's turn.
  private func promptTokens(_ loaded: LoadedModel) throws -> [Int32] {
    var text = prompt ?? ""
    if text == "-" {
      text = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    }
    guard chat else { return try loaded.tokens(text: text) }
    let messages =
      (system.map { [ChatMessage(.system, $0)] } ?? []) + [ChatMessage(.user, text)]
    let encoded = try loaded.encoder(template: templates.template, clock: templates.clock)
      .prompt(Conversation(messages))
    var notices = ConversationNotices()
    notices.add(encoded)
    var reporter = TerminalReporter(quiet: quiet)
    for notice in [loaded.templateNotice(templates.template)].compactMap({ $0 }) + notices.sentences
    {
      reporter.warn(notice)
    }
    return encoded.ids
  }

  /// Writes the text as it comes, then the figures.
  private func generate(_ session: GenerationSession, _ interrupt: InterruptFlag) throws {
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

/// What a model predicts after a prompt, as `--logits` writes it.
struct NextTokenLogits: Codable {
  var ids: [Int32]
  /// One a token of the vocabulary, before softmax.
  var logits: [Float]

  /// Throws `InferenceError.notFinite`, as generating would, or `WriteError`.
  func write(path: String) throws {
    guard logits.allSatisfy(\.isFinite) else {
      throw InferenceError.notFinite(position: ids.count)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let document = String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    try AtomicFile.write(path: path, text: document)
  }
}
