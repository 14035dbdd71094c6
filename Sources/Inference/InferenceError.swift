public import Tokenization

/// What can fail when a model is asked for text.
public enum InferenceError: Error, Equatable, CustomStringConvertible {
  /// A prompt of no tokens.
  case emptyPrompt
  /// The prompt leaves no room for an answer.
  case promptTooLong(tokens: Int, context: Int)
  /// A token id that the model does not have.
  case unknownToken(id: Int32, vocabulary: Int)
  /// The tokenizer in the file knows more tokens than the model.
  case vocabularyMismatch(tokenizer: Int, model: Int)
  /// An option outside what it may be.
  case invalidOption(name: String, value: String, allowed: String)
  /// The model predicts NaN or infinity at this position.
  case notFinite(position: Int)
  /// The model file does not say what its tokens stand for.
  case noText(TokenizationError)

  public var description: String {
    switch self {
    case .emptyPrompt:
      "the prompt is empty: give at least one character"
    case .promptTooLong(let tokens, let context):
      "the prompt has \(tokens) tokens, the context only \(context): shorten the prompt or raise "
        + "the context"
    case .unknownToken(let id, let vocabulary):
      "token \(id) is outside the vocabulary of \(vocabulary): use ids of this model's tokenizer"
    case .vocabularyMismatch(let tokenizer, let model):
      "the file's tokenizer has \(tokenizer) tokens but its embedding only \(model): convert the "
        + "model again"
    case .invalidOption(let name, let value, let allowed):
      "\(name) is \(value), but must be \(allowed)"
    case .notFinite(let position):
      "the model's prediction at position \(position) is not finite: the weights or the adapter "
        + "are damaged"
    case .noText(let reason):
      reason.description
    }
  }
}
