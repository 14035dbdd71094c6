internal import ModelFiles

/// What can fail between text and tokens on a user's file or flags.
public enum TokenizationError: Error, Equatable, CustomStringConvertible {
  /// The model file lacks a key without which there is no tokenizer.
  case missingKey(String)
  /// `tokenizer.ggml.model` names a kind of tokenizer that Scion does not have.
  case unsupportedModel(name: String, supported: [String])
  /// `tokenizer.ggml.pre` names a way of splitting text that Scion does not have.
  case unsupportedPreTokenizer(name: String, supported: [String])
  /// An array that runs beside the tokens has another length than they have.
  case lengthMismatch(key: String, expected: Int, found: Int)
  /// A value of the model file has another type than its key asks for.
  case wrongType(key: String, expected: String)
  /// The vocabulary holds no token, or more than 2³¹ − 1.
  case invalidVocabularySize(Int)
  /// `tokenizer.ggml.precompiled_charsmap` is no map of characters, and why.
  case malformedCharacterMap(String)
  /// A line of `tokenizer.ggml.merges` is not two symbols with a space between.
  case malformedMerge(index: Int, text: String)
  /// A text of more bytes than are tokenized at once.
  case textTooLong(byteCount: Int, most: Int)
  /// A record's conversation is not what templates can read; `place` says where in the record.
  case malformedConversation(place: String, reason: String)
  /// A name that is neither "auto", nor one of `NamedTemplates`, nor a file.
  case unknownTemplate(String)
  /// The file of a template could not be read; `reason` is the system's word.
  case unreadableTemplate(path: String, reason: String)
  /// The text of a chat template is not Jinja, or uses what Scion does not know of it.
  case malformedTemplate(name: String, reason: String)
  /// The template refused a conversation (`raise_exception`), in its own words.
  case templateRaised(name: String, message: String)
  /// The template failed on a conversation, or went beyond what a template may cost.
  case templateFailed(name: String, reason: String)

  public var description: String { sentence.onOneLine }

  private var sentence: String {
    switch self {
    case .missingKey(let key):
      "the model file has no \(key): convert the model again, with its tokenizer, or use input_ids "
        + "records"
    case .unsupportedModel(let name, let supported):
      "tokenizer.ggml.model \(Self.shown(name)) is not supported: use input_ids records, or a model with one of "
        + supported.joined(separator: ", ")
    case .unsupportedPreTokenizer(let name, let supported):
      "tokenizer.ggml.pre \(Self.shown(name)) is not supported: use input_ids records, or a model with one of "
        + supported.joined(separator: ", ")
    case .lengthMismatch(let key, let expected, let found):
      "\(key) has \(found) entries for \(expected) tokens: the model file is damaged"
    case .wrongType(let key, let expected):
      "\(key) of the model file is not \(expected): convert the model again"
    case .invalidVocabularySize(let count):
      "tokenizer.ggml.tokens has \(count) entries: the model file is damaged"
    case .malformedCharacterMap(let reason):
      "tokenizer.ggml.precompiled_charsmap is damaged, \(reason): convert the model again"
    case .malformedMerge(let index, let text):
      "entry \(index) of tokenizer.ggml.merges is not two symbols separated by a space: "
        + Self.shown(text)
    case .textTooLong(let byteCount, let most):
      "a text of \(byteCount) bytes is more than this model's tokenizer takes at once (\(most)): split it into parts"
    case .malformedConversation(let place, let reason):
      "\(place) \(reason)"
    case .unknownTemplate(let name):
      "there is no chat template \(name): give a file or one of auto, "
        + NamedTemplates.names.joined(separator: ", ")
    case .unreadableTemplate(let path, let reason):
      "cannot read the chat template \(path): \(reason)"
    case .malformedTemplate(let name, let reason):
      "\(Self.subject(name)) cannot be read (\(reason)): correct it, or choose another with "
        + "--template, such as chatml"
    case .templateRaised(let name, let message):
      "\(Self.subject(name)) refuses the conversation: \(message)"
    case .templateFailed(let name, let reason):
      "\(Self.subject(name)) fails on the conversation: \(reason)"
    }
  }

  /// A text of the model file on one line, cut where a sentence would grow too long.
  private static func shown(_ text: String) -> String {
    let start = String(String.UnicodeScalarView(text.unicodeScalars.prefix(60)))
    let line = start.utf8.count < text.utf8.count ? start.onOneLine + "…" : start.onOneLine
    return line.isEmpty ? "\"\"" : line
  }

  private static func subject(_ template: String) -> String {
    template.hasPrefix("auto")
      ? "the model's chat template\(template.dropFirst(4))" : "the chat template \(template)"
  }
}
