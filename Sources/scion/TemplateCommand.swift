import ArgumentParser
import FineTuning
import Foundation
import Inference
import ModelFiles
import Tokenization

/// `scion template`: what a chat template makes of conversations, and what is learned of them.
struct TemplateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "template",
    abstract: "Show how conversations are written for the model, and which tokens are learned.",
    discussion: """
      Each record of --data is put through the model's chat template (or that of --template) exactly as train does, and \
      printed with the learned text marked: in colour on a terminal, in ⟦ ⟧ elsewhere. A record is \
      {"messages": [...], "tools": [...], "options": {...}}; options are further variables of the template, such as \
      enable_thinking. prompt/completion records are a turn of the user's and one of the assistant's.

      --raw prints the first record's text and nothing else, byte for byte. With --raw and a template of your own -m \
      may be left out; --bos and --eos then say what bos_token and eos_token stand for. --json prints an object a \
      record: line (of the file), text, ids, learned (0 or 1 a token) and spans (the learned bytes of the text).

        scion template -m base.gguf --data train.jsonl
        scion template --template mine.jinja --data train.jsonl --raw --generation-prompt
      """)

  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp("Base model, a GGUF file (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  @OptionGroup var templates: TemplateOptions

  @Option(
    help: ArgumentHelp("Records, as train reads them.", valueName: "file"), completion: .file())
  var data: String

  @Flag(help: "Print the first record's text and nothing else.")
  var raw = false

  @Flag(help: "Print one JSON object a record.")
  var json = false

  @Flag(help: "Leave bad records out instead of stopping.")
  var skipBad = false

  @Flag(help: "End with the header of the assistant's next turn.")
  var generationPrompt = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Show only the first n records.", valueName: "n"))
  var limit: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What bos_token stands for (default: the model's).", valueName: "text"))
  var bos: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What eos_token stands for (default: the model's).", valueName: "text"))
  var eos: String?

  func validate() throws {
    if raw && json { throw ValidationError("--raw and --json exclude each other") }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
  }

  func run() throws {
    // Texts need no vocabulary, unless the template is the model's.
    let isAlone = raw && model == nil && templates.template != "auto"
    let path =
      isAlone ? nil : model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] ?? ""
    if path == "" { throw UsageError("no model given: add -m base.gguf or set SCION_MODEL") }
    let metadata = try path.map { try GGUFFile(path: $0).metadata }
    var template = try chosen(metadata)
    if let bos { template.beginning = bos }
    if let eos { template.end = eos }
    template.clock = templates.clock
    let file = try DataFile(
      path: data, skipBad: skipBad, isRecords: true, limit: raw ? 1 : limit)
    if raw {
      let conversation = try conversation(file.records[0])
      let text = try said(file.records[0]) {
        try template.text(conversation, addGenerationPrompt: generationPrompt)
      }
      return try StandardStreams.result(text)
    }
    guard let metadata else { return }
    let encoder = ConversationEncoder(template, try Tokenizer(metadata))
    var notices = ConversationNotices()
    for (index, record) in file.records.enumerated() {
      let conversation = try conversation(record)
      let encoded = try said(record) {
        try encoder.encode(conversation, addGenerationPrompt: generationPrompt)
      }
      notices.add(encoded)
      try StandardStreams.result(
        json
          ? TemplateText.json(encoded, line: record.line)
          : TemplateText.marked(
            encoded, number: index + 1, line: record.line, inColour: Self.hasColour))
    }
    var reporter = TerminalReporter()
    if let notice = file.skipped.notice { reporter.warn(notice) }
    if templates.template == "auto", template.name == "none" {
      reporter.warn(LoadedModel.noTemplateNotice)
    }
    for notice in notices.sentences { reporter.warn(notice) }
  }

  private func chosen(_ metadata: GGUFMetadata?) throws -> ChatTemplate {
    guard let metadata else {
      return NamedTemplates.names.contains(templates.template)
        ? try .named(templates.template) : try ChatTemplate(path: templates.template)
    }
    return try .resolve(templates.template, metadata)
  }

  private func conversation(_ record: DataRecord) throws -> Conversation {
    guard let conversation = record.conversation else {
      throw DataError.badRecord(
        path: data, line: record.line,
        reason: "the record is no conversation: chat templates are for messages")
    }
    return conversation
  }

  /// What the template refuses is said with the record's place.
  private func said<Result>(_ record: DataRecord, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as TokenizationError {
      throw DataError.refusedRecord(path: data, line: record.line, reason: error.description)
    }
  }

  /// Whether stdout is a terminal that shows colours (no-color.org).
  static var hasColour: Bool {
    isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
  }
}
