internal import Foundation

/// One optimizer step in `metrics.jsonl`.
public struct StepMetrics: Sendable, Equatable, Codable {
  /// From 1.
  public var step: Int
  /// Passes over the data so far.
  public var epoch: Double
  /// Tokens read so far.
  public var tokens: Int
  /// Mean over the step's targets, in nats.
  public var loss: Double
  public var learningRate: Double
  /// Norm of the whole gradient before clipping.
  public var gradientNorm: Double
  public var tokensPerSecond: Double
  public var residentBytes: Int
  public var elapsedSeconds: Double

  public init(
    step: Int, epoch: Double, tokens: Int, loss: Double, learningRate: Double,
    gradientNorm: Double, tokensPerSecond: Double, residentBytes: Int, elapsedSeconds: Double
  ) {
    self.step = step
    self.epoch = epoch
    self.tokens = tokens
    self.loss = loss
    self.learningRate = learningRate
    self.gradientNorm = gradientNorm
    self.tokensPerSecond = tokensPerSecond
    self.residentBytes = residentBytes
    self.elapsedSeconds = elapsedSeconds
  }

  enum CodingKeys: String, CodingKey {
    case step, epoch, tokens, loss
    case learningRate = "learning_rate"
    case gradientNorm = "grad_norm"
    case tokensPerSecond = "tokens_per_second"
    case residentBytes = "resident_bytes"
    case elapsedSeconds = "elapsed_seconds"
  }
}

/// One validation in `metrics.jsonl`.
public struct ValidationMetrics: Sendable, Equatable, Codable {
  public var step: Int
  public var epoch: Double
  /// Mean over all targets of the validation set, in nats.
  public var validationLoss: Double
  /// False where the base was measured: at step 0 adapters may have moved the model already.
  public var adapters: Bool
  public var elapsedSeconds: Double

  public init(
    step: Int, epoch: Double, validationLoss: Double, adapters: Bool = true, elapsedSeconds: Double
  ) {
    self.step = step
    self.epoch = epoch
    self.validationLoss = validationLoss
    self.adapters = adapters
    self.elapsedSeconds = elapsedSeconds
  }

  enum CodingKeys: String, CodingKey {
    case step, epoch, adapters
    case validationLoss = "validation_loss"
    case elapsedSeconds = "elapsed_seconds"
  }
}

/// A JSON-lines file that grows by one object a step; each line is handed to the system at once, so that a reader or an
/// interruption sees every finished step. Not synced to disk line by line.
public struct MetricsLog: ~Copyable {
  private let path: String
  private let handle: FileHandle
  private let encoder = JSONEncoder.scion

  /// Creates or empties the file at `path`.
  public init(path: String) throws(RunDirectory.Failure) {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let handle = FileHandle(forWritingAtPath: path)
    else {
      throw .cannotWrite(.notPermitted(path: path, reason: "the file cannot be created"))
    }
    self.path = path
    self.handle = handle
  }

  /// Appends one line.
  public func append(_ row: some Encodable) throws(RunDirectory.Failure) {
    do {
      try handle.write(contentsOf: encoder.encode(row) + Data("\n".utf8))
    } catch {
      throw .cannotWrite(.failed(path: path, operation: "append to", reason: "\(error)"))
    }
  }

  deinit { try? handle.close() }
}
