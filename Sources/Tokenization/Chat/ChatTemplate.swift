public import ModelFiles

/// How a conversation is written as one text: a template in Jinja, the model's own or one of
/// `NamedTemplates`.
///
/// Immutable and `Sendable`. It knows no vocabulary: `ConversationEncoder` makes tokens of what it
/// writes.
public struct ChatTemplate: Sendable {
  /// `auto`, a name of `NamedTemplates`, or where the template was read from.
  public let name: String
  private let engine: JinjaTemplate
  /// The template for conversations with tools, where the model has one of its own.
  private let toolUse: JinjaTemplate?
  /// What `bos_token` and `eos_token` stand for; nil: the template does not see the variable.
  public var beginning: String?
  public var end: String?
  /// The time that `strftime_now` tells; nil: the time of the call.
  public var clock: TemplateClock?

  /// - Parameters:
  ///   - source: the text of the template; a byte order mark in front is not of it.
  ///   - toolUse: another template, for conversations that have tools (`tool_use` in the file).
  /// - Throws: `malformedTemplate`.
  public init(
    name: String, source: String, toolUse: String? = nil, beginning: String? = nil,
    end: String? = nil
  ) throws(TokenizationError) {
    self.name = name
    let source =
      source.unicodeScalars.first == "\u{FEFF}" ? String(source.unicodeScalars.dropFirst()) : source
    readsClock = (source + (toolUse ?? "")).contains("strftime_now")
    engine = try Self.parse(source, name)
    self.toolUse =
      if let toolUse { try Self.parse(toolUse, "\(name) (tool_use)") } else { nil }
    self.beginning = beginning
    self.end = end
  }

  private static func parse(
    _ source: String, _ name: String
  ) throws(TokenizationError) -> JinjaTemplate {
    do {
      return try JinjaTemplate(source)
    } catch {
      throw .malformedTemplate(name: name, reason: error.description)
    }
  }

  /// The model's own template: `tokenizer.chat_template`, and `tokenizer.chat_template.tool_use`
  /// for conversations with tools. Nil if the file has none. Throws `malformedTemplate`.
  public static func own(
    _ metadata: GGUFMetadata
  ) throws(TokenizationError) -> ChatTemplate? {
    let named = metadata.strings("tokenizer.chat_templates") ?? []
    func text(_ name: String) -> String? {
      metadata.string("tokenizer.chat_template.\(name)")
    }
    let source =
      metadata.string("tokenizer.chat_template") ?? text("default")
      ?? named.lazy.filter { $0 != "tool_use" }.compactMap(text).first
    guard let source else { return nil }
    var template = try ChatTemplate(name: "auto", source: source, toolUse: text("tool_use"))
    template.takeTokens(of: metadata)
    return template
  }

  /// The template `name` of `NamedTemplates`, with the model's tokens. Throws `unknownTemplate`.
  public static func named(
    _ name: String, _ metadata: GGUFMetadata? = nil
  ) throws(TokenizationError) -> ChatTemplate {
    guard let source = NamedTemplates.source(name) else { throw .unknownTemplate(name) }
    var template = try ChatTemplate(name: name, source: source)
    if let metadata { template.takeTokens(of: metadata) }
    return template
  }

  /// Takes begin- and end-of-text from a model's file, as its vocabulary spells them.
  public mutating func takeTokens(of metadata: GGUFMetadata) {
    guard let tokens = metadata.strings("tokenizer.ggml.tokens") else { return }
    func text(_ name: String) -> String? {
      metadata.int("tokenizer.ggml.\(name)_token_id").flatMap {
        tokens.indices.contains($0) ? tokens[$0] : nil
      }
    }
    beginning = text("bos")
    end = text("eos")
  }

  /// Whether what it writes may depend on the day: its text asks for the time.
  public let readsClock: Bool

  /// Its texts and string literals: where its markers stand.
  var literals: [String] { engine.literals + (toolUse?.literals ?? []) }

  // MARK: - Rendering

  /// The conversation as one text.
  ///
  /// - Parameter addGenerationPrompt: ends with the header of an assistant's turn that is still to
  ///   come.
  /// - Throws: `templateRaised` with the template's own words, or `templateFailed`.
  public func text(
    _ conversation: Conversation, addGenerationPrompt: Bool = false
  ) throws(TokenizationError) -> String {
    try render(conversation, addGenerationPrompt: addGenerationPrompt).text
  }

  /// Whether it marks what the assistant says (`{% generation %}`).
  var usesGeneration: Bool { engine.usesGeneration || (toolUse?.usesGeneration ?? false) }

  /// The same with the origin of each stretch.
  ///
  /// - Parameter prefixes: gathers what is written of the first messages alone.
  func render(
    _ conversation: Conversation, addGenerationPrompt: Bool, prefixes: JinjaPrefixes? = nil
  ) throws(TokenizationError) -> Rendering {
    var variables: [(name: String, value: JinjaValue)] = [
      ("add_generation_prompt", .bool(addGenerationPrompt))
    ]
    if let beginning {
      variables.append(("bos_token", .string(beginning, origin: Conversation.trusted)))
    }
    if let end { variables.append(("eos_token", .string(end, origin: Conversation.trusted))) }
    for variable in conversation.variables(prefixes: prefixes) {
      variables.removeAll { $0.name == variable.name }
      variables.append(variable)
    }
    let hasTools = conversation.tools.map { $0 != .array([]) } ?? false
    let engine = hasTools ? toolUse ?? engine : engine
    do {
      return Rendering(
        try engine.render(variables, now: clock?.time ?? .now, prefixes: prefixes))
    } catch .raised(let message) {
      throw .templateRaised(name: name, message: message)
    } catch {
      throw .templateFailed(name: name, reason: error.description)
    }
  }
}
