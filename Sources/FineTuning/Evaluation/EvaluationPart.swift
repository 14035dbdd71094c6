internal import Foundation

/// The result of one file among several. Fields that do not apply are absent.
public struct EvaluationPart: Sendable, Equatable, Codable {
  public var path: String
  public var examples: Int
  /// Tokens scored or generated.
  public var tokens: Int
  /// Mean negative log-likelihood of the scored tokens, in nats.
  public var nllPerToken: Double?
  /// `exp(nllPerToken)`.
  public var perplexity: Double?
  /// Share of answers whose trimmed text equals the expected one.
  public var exactMatch: Double?

  enum CodingKeys: String, CodingKey {
    case path, examples, tokens, perplexity
    case nllPerToken = "nll_per_token"
    case exactMatch = "exact_match"
  }

  /// Of `rows`, the examples of this file.
  public init(path: String, rows: some Collection<EvaluationRow>) {
    self.path = path
    examples = rows.count
    tokens = rows.reduce(0) { $0 + $1.tokens }
    let losses = rows.compactMap(\.nll)
    if losses.count == rows.count, tokens > 0 {
      let mean = losses.reduce(0, +) / Double(tokens)
      (nllPerToken, perplexity) = (mean, exp(mean))
    }
    let answers = rows.compactMap(\.exact)
    if answers.count == rows.count, !rows.isEmpty {
      exactMatch = Double(answers.count { $0 }) / Double(rows.count)
    }
  }
}
