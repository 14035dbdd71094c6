internal import Foundation
internal import ModelFiles

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
  /// Length of the file.
  public private(set) var byteCount: Int

  /// Opens the file at `path`, empty or, for a run that goes on after `steps` steps, with its first `bytes` bytes: rows behind
  /// them belong to steps that are done again. A file that is shorter (a power cut) keeps its whole rows of those steps.
  public init(path: String, keeping bytes: Int = 0, steps: Int = 0) throws(RunDirectory.Failure) {
    let kept = bytes > 0 ? Self.kept(path, bytes, steps) : Data()
    do { try AtomicFile.write(path: path, bytes: Array(kept)) } catch { throw .cannotWrite(error) }
    guard let handle = FileHandle(forUpdatingAtPath: path),
      (try? handle.seekToEnd()) == UInt64(kept.count)
    else {
      throw .cannotWrite(.notPermitted(path: path, reason: "the file cannot be opened"))
    }
    self.path = path
    self.handle = handle
    byteCount = kept.count
  }

  private struct Row: Decodable { let step: Int }

  private static func kept(_ path: String, _ bytes: Int, _ steps: Int) -> Data {
    let newline = UInt8(ascii: "\n")
    let all = FileManager.default.contents(atPath: path) ?? Data()
    if all.count >= bytes, all[all.startIndex + bytes - 1] == newline { return all.prefix(bytes) }
    let rows = all.split(separator: newline).filter { row in
      (try? JSONDecoder().decode(Row.self, from: row)).map { $0.step <= steps } ?? false
    }
    return Data(rows.flatMap { Array($0) + [newline] })
  }

  /// Appends one line.
  public mutating func append(_ row: some Encodable) throws(RunDirectory.Failure) {
    do {
      let line = try encoder.encode(row) + Data("\n".utf8)
      try handle.write(contentsOf: line)
      byteCount += line.count
    } catch {
      throw .cannotWrite(.failed(path: path, operation: "append to", reason: Self.reason(error)))
    }
  }

  /// Hands what was written to the disk.
  public func sync() throws(RunDirectory.Failure) {
    do { try handle.synchronize() } catch {
      throw .cannotWrite(.failed(path: path, operation: "sync", reason: Self.reason(error)))
    }
  }

  /// The system's word out of Foundation's.
  private static func reason(_ error: any Error) -> String {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    return cause?.localizedDescription ?? error.localizedDescription
  }

  deinit { try? handle.close() }
}
