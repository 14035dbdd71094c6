/// What one optimizer step did: a line of `metrics.jsonl`.
public struct StepReport: Sendable, Equatable {
  /// Counted from 1.
  public let step: Int
  /// Tokens read, prompts included.
  public let tokens: Int
  /// Tokens with a loss.
  public let targets: Int
  /// Mean negative log-likelihood of the targets, before the update.
  public let loss: Double
  public let learningRate: Double
  /// Norm of the whole gradient before clipping.
  public let gradientNorm: Double
  /// Wall time of the step without pauses.
  public let seconds: Double

  public var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }
}
