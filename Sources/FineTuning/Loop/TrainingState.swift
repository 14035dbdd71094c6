/// What a run knows between two steps, beyond the adapters and the optimizer's moments: with those in a checkpoint it is
/// everything that the rest of the run depends on.
///
/// The order of the data, the learning rates and the random rounding follow from the recipe's seed and the number of steps
/// done.
public struct TrainingState: Codable, Sendable, Equatable {
  /// A validation with its step.
  struct Validation: Codable, Sendable, Equatable {
    var step: Int
    var loss: ExactNumber
  }

  /// Optimizer steps done.
  public internal(set) var steps = 0
  /// Tokens read by them.
  public internal(set) var tokens = 0
  /// Wall time, that of interrupted parts included.
  public internal(set) var elapsedSeconds = 0.0
  /// Largest resident memory of all parts.
  var peakBytes = 0

  /// Loss of the first step, and the moving average over all.
  var firstLoss: ExactNumber?
  var smoothedLoss: ExactNumber?

  /// Whether the validations before the first step are done: of the base, and of the start where it is due.
  var isBaseValidated = false
  var isStartValidated = false
  var baseValidation: ExactNumber?
  /// The last one with adapters after a step.
  var lastValidation: Validation?
  /// The best of them; its adapters are the result unless the last are wanted.
  var best: Validation?
  /// How many have not been better since.
  var validationsWithoutGain = 0

  /// The steps that a run of a given time was fitted to.
  var pace: Pace?
  /// The learning rate that was found, and what was tried.
  var rate: ExactNumber?
  var rateTrials: [RateSearch.Trial]?
  /// Micro-batches of a validation, where the time allows less than all.
  var validationBatches: Int?

  /// Answers to the watched prompts, and the last step of them.
  var samples: [AnswerSample]?
  var sampledStep: Int?
  /// Loss of the general text by the base, and the step after which it was taken with adapters.
  var forgettingBefore: ExactNumber?
  var forgettingStep: Int?

  /// Length of `metrics.jsonl`: what follows belongs to steps that a resumed run does again.
  var metricsBytes = 0
}
