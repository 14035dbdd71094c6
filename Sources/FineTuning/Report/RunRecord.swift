internal import Foundation

/// What a run has written so far, read back: for its report, for comparing runs, and for watching one that goes on.
public struct RunRecord: Sendable {
  /// Why a folder is no run.
  public enum Failure: Error, Equatable, CustomStringConvertible {
    case noRun(path: String)

    public var description: String {
      switch self {
      case .noRun(let path):
        "\(path) holds no run: give the folder that scion train wrote to"
      }
    }
  }

  /// The folder's own name.
  public let name: String
  public let recipe: FineTuneRecipe
  public let steps: [StepMetrics]
  public let validations: [ValidationMetrics]
  /// The perplexity of a general text, where it was watched.
  public let forgetting: [ForgettingMetrics]
  public let start: StartReport?
  public let summary: RunSummary?
  public let samples: [AnswerSample]
  /// Whether the run came to its end.
  public let isFinished: Bool

  /// Reads the folder at `path`: an unfinished run that is to replace another is the one that is meant. Rows that cannot be
  /// read (a run that is just writing) are left out. Throws `Failure`, `RecipeError`.
  public init(path: String) throws {
    let replacement = "\(path)/\(RunDirectory.Name.replacement)"
    let folder = RunMarker(folder: replacement) != nil ? replacement : path
    guard let marker = RunMarker(folder: folder),
      FileManager.default.fileExists(atPath: "\(folder)/\(RunDirectory.Name.recipe)")
    else { throw Failure.noRun(path: path) }
    try self.init(
      folder: folder, name: URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent,
      isFinished: marker.state == .finished)
  }

  /// The files of `folder` as they are.
  init(folder: String, name: String, isFinished: Bool) throws {
    self.name = name
    self.isFinished = isFinished
    let manager = FileManager.default
    recipe = try FineTuneRecipe(contentsOf: "\(folder)/\(RunDirectory.Name.recipe)")
    func rows<Row: Decodable>(_ file: String) -> [Row] {
      (manager.contents(atPath: "\(folder)/\(file)") ?? Data()).split(separator: UInt8(ascii: "\n"))
        .compactMap { try? JSONDecoder.scion.decode(Row.self, from: $0) }
    }
    func value<Value: Decodable>(_ file: String) -> Value? {
      manager.contents(atPath: "\(folder)/\(file)")
        .flatMap { try? JSONDecoder.scion.decode(Value.self, from: $0) }
    }
    steps = rows(RunDirectory.Name.metrics)
    validations = rows(RunDirectory.Name.metrics)
    forgetting = rows(RunDirectory.Name.metrics)
    samples = rows(RunDirectory.Name.samples)
    start = value(RunDirectory.Name.initialization)
    summary = value(RunDirectory.Name.summary)
  }

  // MARK: - What follows

  /// The base's loss on the validation part.
  public var baseLoss: Double? { validations.first { !$0.adapters }?.validationLoss }

  /// Validations with adapters.
  public var validated: [ValidationMetrics] { validations.filter(\.adapters) }

  public var best: ValidationMetrics? {
    validated.filter { $0.step > 0 && $0.validationLoss.isFinite }
      .min { $0.validationLoss < $1.validationLoss }
  }

  /// Of the loss of the steps, as the progress line has it.
  public var smoothedLoss: [Double] {
    var smoothed: Double?
    return steps.map { step in
      let value = smoothed.map { 0.9 * $0 + 0.1 * step.loss } ?? step.loss
      smoothed = value
      return value
    }
  }

  public var elapsedSeconds: Double {
    max(steps.last?.elapsedSeconds ?? 0, validations.last?.elapsedSeconds ?? 0)
  }

  /// The median over the steps.
  public var tokensPerSecond: Double? {
    let sorted = steps.map(\.tokensPerSecond).sorted()
    return sorted.isEmpty ? nil : sorted[sorted.count / 2]
  }

  /// The most that a step found resident.
  public var peakBytes: Int? { steps.map(\.residentBytes).max() }
}

/// The perplexity of a general text at a step, in `metrics.jsonl`: what training makes a model forget.
public struct ForgettingMetrics: Sendable, Equatable, Codable {
  public var step: Int
  /// Mean negative log-likelihood a scored token, in nats.
  public var loss: Double
  public var perplexity: Double
  /// False for the base.
  public var adapters: Bool

  enum CodingKeys: String, CodingKey {
    case step, adapters
    case loss = "forgetting_loss"
    case perplexity = "forgetting_perplexity"
  }
}

/// One line of `samples.jsonl`: what the model answers to a prompt of the validation part.
public struct AnswerSample: Sendable, Equatable, Codable {
  /// Which prompt, from 0.
  public var sample: Int
  public var prompt: String
  public var expected: String
  /// Steps done; 0 is the base.
  public var step: Int
  public var answer: String
}
