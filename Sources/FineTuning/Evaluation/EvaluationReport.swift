public import Tensors

/// The result of an evaluation: what `eval --json` writes. Fields that do not apply are absent.
public struct EvaluationReport: Sendable, Equatable, Codable {
  public var task: EvaluationTask
  /// Sequences, windows or prompts.
  public var examples: Int
  /// Tokens scored (nll, perplexity) or generated (exact).
  public var tokens: Int
  /// Mean negative log-likelihood of the scored tokens, in nats.
  public var nllPerToken: Double?
  /// `exp(nllPerToken)`.
  public var perplexity: Double?
  /// Standard error of the perplexity, as llama.cpp prints it behind ±.
  public var perplexityError: Double?
  /// Share of answers whose trimmed text equals the expected one.
  public var exactMatch: Double?
  /// Share of correct choices; no task measures it yet.
  public var accuracy: Double?
  /// Share of answers that are the expected JSON object, the order of keys and white space aside.
  public var jsonMatch: Double?
  /// Share of answers with the expected "intent", among objects that have one.
  public var intentAccuracy: Double?
  /// Wall time.
  public var seconds: Double
  /// Each file's own result, where several were measured.
  public var files: [EvaluationPart]?

  public init(task: EvaluationTask, examples: Int, tokens: Int, seconds: Double) {
    self.task = task
    self.examples = examples
    self.tokens = tokens
    self.seconds = seconds
  }

  enum CodingKeys: String, CodingKey {
    case task, examples, tokens, perplexity, accuracy, seconds, files
    case nllPerToken = "nll_per_token"
    case perplexityError = "perplexity_error"
    case exactMatch = "exact_match"
    case jsonMatch = "json_match"
    case intentAccuracy = "intent_accuracy"
  }
}

/// One example of an evaluation: one line of `--rows FILE`, for paired tests.
public struct EvaluationRow: Sendable, Equatable, Codable {
  /// Number of the example, from 0.
  public var index: Int
  /// Sum of the negative log-likelihood over its scored tokens, in nats.
  public var nll: Double?
  /// Tokens scored or generated.
  public var tokens: Int
  /// The prompt as the model saw it.
  public var prompt: String?
  public var expected: String?
  public var output: String?
  public var exact: Bool?
  /// nil when the expected answer is no JSON object.
  public var jsonMatch: Bool?
  /// nil when the expected answer has no intent.
  public var intentMatch: Bool?

  public init(index: Int, tokens: Int) {
    self.index = index
    self.tokens = tokens
  }

  enum CodingKeys: String, CodingKey {
    case index, nll, tokens, prompt, expected, output, exact
    case jsonMatch = "json_match"
    case intentMatch = "intent_match"
  }
}

/// Where an evaluation stands, after each of its steps.
public struct EvaluationProgress: Sendable, Equatable {
  /// Work done and in all: tokens (nll, perplexity) or prompts (exact).
  public var done: Int
  public var total: Int
  /// Wall time so far.
  public var seconds: Double
  /// The running result: perplexity, or the share of exact answers.
  public var value: Double?

  /// Seconds to go at the speed so far; nil before anything is done.
  public var secondsLeft: Double? {
    done > 0 ? seconds / Double(done) * Double(total - done) : nil
  }
}

/// One evaluation under way: call `step` until it returns nil, then ask for the result.
public protocol Evaluation: AnyObject {
  /// What the user should know of how the model is run, a sentence each.
  var notices: [String] { get }
  /// Once it is raised, `step` returns nil and the result is of what was done before.
  var stop: StopFlag? { get set }
  /// Does some work; nil when everything is done. Throws `EvaluationError.notFinite` for a loss that is not a number.
  func step() throws -> EvaluationProgress?
  /// The result so far.
  var report: EvaluationReport { get }
  /// The finished examples, by index.
  var rows: [EvaluationRow] { get }
}

extension Evaluation {
  /// All steps at once.
  public func run() throws -> EvaluationReport {
    while try step() != nil {}
    return report
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double { self / .seconds(1) }
}
