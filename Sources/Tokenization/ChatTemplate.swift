public import ModelFiles

/// How a conversation is written as one text, and which parts of it the model learns to say.
///
/// Two forms:
/// - ChatML, `<|im_start|>role⏎content<|im_end|>⏎` for every message; some models (SmolLM2, Qwen2.5) put a system
///   message of their own in front when the first message is not one;
/// - none: the contents one after the other, the assistant's closed by the model's end-of-text.
///
/// Not a template engine: of `tokenizer.chat_template` it recognises the ChatML family and that system message.
/// Templates that rewrite the content (reasoning blocks) and tools are refused.
public struct ChatTemplate: Sendable, Equatable {
  enum Form: Sendable, Equatable {
    case chatML(defaultSystem: String?)
    case plain(endOfTurn: String)
  }

  let form: Form

  init(_ form: Form) { self.form = form }

  /// ChatML; the system message is the one that stands in front of a conversation that has none.
  public static func chatML(defaultSystem: String? = nil) -> ChatTemplate {
    ChatTemplate(.chatML(defaultSystem: defaultSystem))
  }

  /// Contents as they are; `endOfTurn` closes those of the assistant.
  public static func none(endOfTurn: String = "") -> ChatTemplate {
    ChatTemplate(.plain(endOfTurn: endOfTurn))
  }

  /// The template of that name.
  ///
  /// - Parameters:
  ///   - name: `auto` (what `tokenizer.chat_template` of the model says), `chatml`, or `none`.
  ///   - metadata: of the model.
  /// - Throws: `noChatTemplate`, `unsupportedTemplate`.
  public static func resolve(
    name: String, metadata: GGUFMetadata
  ) throws(TokenizationError) -> ChatTemplate {
    switch name {
    case "auto":
      guard let text = metadata.string("tokenizer.chat_template") else { throw .noChatTemplate }
      return try recognise(text)
    case "chatml":
      return .chatML()
    case "none":
      let end = metadata.int("tokenizer.ggml.eos_token_id")
      let tokens = metadata.strings("tokenizer.ggml.tokens")
      guard let end, let tokens, tokens.indices.contains(end) else { return .none() }
      return .none(endOfTurn: tokens[end])
    default:
      throw .unsupportedTemplate(name)
    }
  }

  /// `chatml` or `none`.
  public var name: String {
    switch form {
    case .chatML: "chatml"
    case .plain: "none"
    }
  }

  /// Reads a Jinja template as far as ChatML needs.
  static func recognise(_ template: String) throws(TokenizationError) -> ChatTemplate {
    guard template.contains("<|im_start|>"), template.contains("<|im_end|>") else {
      throw .unsupportedTemplate("of the model file (tokenizer.chat_template)")
    }
    guard !template.contains("<think>") else {
      throw .unsupportedTemplate("of the model file (ChatML with reasoning blocks)")
    }
    return .chatML(defaultSystem: defaultSystem(of: template))
  }

  /// The literal between the header of a system message and its end; in a template that has no such message,
  /// markup stands there.
  private static func defaultSystem(of template: String) -> String? {
    // String literals of Jinja write the line break as itself or as \n.
    let text = template.split(separator: #"\n"#, omittingEmptySubsequences: false)
      .joined(separator: "\n")
    for part in splitting(text, by: "<|im_start|>system\n").dropFirst() {
      let pieces = splitting(part, by: "<|im_end|>")
      guard pieces.count > 1, let literal = pieces.first, !literal.isEmpty else { continue }
      let plain = literal.replacing(#"\'"#, with: "’").replacing(#"\""#, with: "”")
      if plain.contains(where: { "{}'\"\\".contains($0) }) { continue }
      return literal.replacing(#"\'"#, with: "'").replacing(#"\""#, with: "\"")
    }
    return nil
  }

  private static func splitting(_ text: String, by separator: String) -> [String] {
    text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }
}
