public import Inference
internal import Tokenization
public import Transformer

/// Perplexity by the protocol of llama.cpp's `llama-perplexity` (tools/perplexity/perplexity.cpp, `perplexity`).
///
/// The whole text becomes tokens, with begin-of-text where the model adds one. Windows of `context` tokens follow each
/// other without overlap; what is left at the end is dropped. Where the model adds begin-of-text, it stands in the
/// place of each window's first token. Positions `context/2 ..< context − 1` are scored: each window predicts
/// `context − 1 − context/2` tokens.
public enum PerplexityWindows {
  /// The windows of tokenized text, as sequences with targets in their second halves.
  ///
  /// - Parameter beginning: begin-of-text, when the model adds it.
  ///
  /// Throws `textTooShort` below two windows (as llama.cpp refuses), `invalidContext` below four tokens.
  public static func sequences(
    _ tokens: [Int32], context: Int, beginning: Int32?
  ) throws(EvaluationError) -> [TokenSequence] {
    guard context >= 4 else { throw .invalidContext(context: context, longest: tokens.count / 2) }
    guard tokens.count >= 2 * context else {
      throw .textTooShort(tokens: tokens.count, needed: 2 * context)
    }
    return (0..<tokens.count / context).map { window in
      var ids = Array(tokens[window * context..<(window + 1) * context])
      let targets = ids.indices.map { position in
        position >= context / 2 && position + 1 < context
          ? ids[position + 1] : TokenSequence.ignored
      }
      if let beginning { ids[0] = beginning }
      return TokenSequence(ids: ids, targets: targets)
    }
  }

  /// The windows of `text` for this model. One line break at the end is dropped, as llama.cpp does with files.
  ///
  /// Throws `EvaluationError`, or `TokenizationError` for a model whose tokenizer Scion cannot read.
  public static func sequences(
    of text: String, context: Int, _ loaded: LoadedModel
  ) throws -> [TokenSequence] {
    try windows(of: text, context: context, loaded).sequences
  }

  /// The same, and how many tokens at the end fill no window.
  public static func windows(
    of text: String, context: Int, _ loaded: LoadedModel
  ) throws -> (sequences: [TokenSequence], left: Int) {
    let longest = loaded.model.configuration.contextLength
    guard context <= longest else {
      throw EvaluationError.invalidContext(context: context, longest: longest)
    }
    let tokenizer = try loaded.tokenizer
    let tokens = try loaded.tokens(text: text.hasSuffix("\n") ? String(text.dropLast()) : text)
    let sequences = try sequences(
      tokens, context: context,
      beginning: tokenizer.addsBeginning ? tokenizer.beginning : nil)
    return (sequences, tokens.count % context)
  }
}
