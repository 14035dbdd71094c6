public import Tokenization

/// What `scion eval --task` measures.
public enum EvaluationTask: String, Sendable, Codable, CaseIterable {
  /// Negative log-likelihood of targets (completions, assistant turns) given what comes before them.
  case nll
  /// Perplexity of plain text by llama.cpp's protocol.
  case perplexity
  /// Greedy answers compared with the expected ones.
  case exact
}

/// What makes an evaluation impossible. Broken data throws `DataError`, long prompts `InferenceError`.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
  /// Nothing to evaluate.
  case noExamples
  /// llama.cpp's protocol wants two windows.
  case textTooShort(tokens: Int, needed: Int)
  /// A record without an expected answer, for a task that compares answers.
  case noAnswer(line: Int)
  /// A window length that has no second half, or that the model has no positions for.
  case invalidContext(context: Int, longest: Int)
  /// Fewer examples than shots asked for.
  case tooFewShots(asked: Int, found: Int)
  /// A prompt that leaves no room for an answer.
  case promptTooLong(line: Int, tokens: Int, context: Int)
  /// A record that the chat template or the tokenizer refuses.
  case refusedPrompt(line: Int, reason: TokenizationError)
  /// A sequence longer than the model's context.
  case sequenceTooLong(index: Int, tokens: Int, context: Int)

  /// A loss that is not a number; examples count from 1.
  case notFinite(example: Int, isOfAdapter: Bool)

  public var description: String {
    switch self {
    case .notFinite(let example, let isOfAdapter):
      isOfAdapter
        ? "the loss of example \(example) is not a number with the adapter, and is one without: train the "
          + "adapter again with a lower --lr, or check that it belongs to this base"
        : "the base model computes no number on example \(example): its file is broken; fetch or convert "
          + "it again"
    case .noExamples:
      "there is nothing to evaluate: the data has no target"
    case .textTooShort(let tokens, let needed):
      "the text has \(tokens) tokens, perplexity needs \(needed): give more text or a smaller "
        + "--context"
    case .noAnswer(let line):
      "the record in line \(line) has no expected answer: --task exact needs \"prompt\" and "
        + "\"completion\", or \"messages\" that end with the assistant"
    case .invalidContext(let context, let longest):
      "--context \(context) cannot be used: choose 4 to \(longest)"
    case .tooFewShots(let asked, let found):
      "--shots \(asked) asks for more examples than --shots-data has (\(found))"
    case .promptTooLong(let line, let tokens, let context):
      "the prompt of the record in line \(line) has \(tokens) tokens, the model's context only "
        + "\(context): shorten it or use fewer --shots"
    case .refusedPrompt(let line, let reason):
      "the record in line \(line) cannot be asked: \(reason)"
    case .sequenceTooLong(let index, let tokens, let context):
      "example \(index) has \(tokens) tokens, the model's context only \(context): lower --seq-len"
    }
  }
}
