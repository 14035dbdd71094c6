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
  /// The vocabulary holds no token, or more than 2³¹ − 1.
  case invalidVocabularySize(Int)
  /// `tokenizer.ggml.precompiled_charsmap` is no map of characters, and why.
  case malformedCharacterMap(String)
  /// A line of `tokenizer.ggml.merges` is not two symbols with a space between.
  case malformedMerge(index: Int, text: String)
  /// `--template auto` found no `tokenizer.chat_template` in the model file.
  case noChatTemplate
  /// A template that is neither ChatML nor none, by its name or by its text.
  case unsupportedTemplate(String)

  public var description: String {
    switch self {
    case .missingKey(let key):
      "the model file has no \(key): convert the model again, with its tokenizer, or use input_ids "
        + "records"
    case .unsupportedModel(let name, let supported):
      "tokenizer.ggml.model \(name) is not supported: use input_ids records, or a model with one of "
        + supported.joined(separator: ", ")
    case .unsupportedPreTokenizer(let name, let supported):
      "tokenizer.ggml.pre \(name) is not supported: use input_ids records, or a model with one of "
        + supported.joined(separator: ", ")
    case .lengthMismatch(let key, let expected, let found):
      "\(key) has \(found) entries for \(expected) tokens: the model file is damaged"
    case .invalidVocabularySize(let count):
      "tokenizer.ggml.tokens has \(count) entries: the model file is damaged"
    case .malformedCharacterMap(let reason):
      "tokenizer.ggml.precompiled_charsmap is damaged, \(reason): convert the model again"
    case .malformedMerge(let index, let text):
      "entry \(index) of tokenizer.ggml.merges is not two symbols separated by a space: \(text)"
    case .noChatTemplate:
      "the model file has no tokenizer.chat_template: pass --template none or --template chatml"
    case .unsupportedTemplate(let name):
      "chat template \(name) is not supported, only ChatML and none are so far: "
        + "pass --template none or --template chatml, or use text records"
    }
  }
}
