/// What `TrainingLoop.next` has just done: a value for whoever shows the run.
public enum TrainingEvent: Sendable {
  /// Something the user should know.
  case notice(String)
  /// The machine is not at its best, or will not let the run save; each kind comes once.
  case machine(MachineFinding)
  /// The run goes on after so many steps, from the checkpoint at `path`.
  case resumed(step: Int, path: String)
  /// A start that an earlier process began goes on after so many of its blocks.
  case startResumed(blocks: Int)
  /// A piece of the start is done.
  case starting(StartSession.Progress)
  /// The adapters are where training begins.
  case started(StartReport)
  /// A micro-batch of a validation is done.
  case validating(done: Int, of: Int)
  /// The loss of the base on the validation part.
  case baseValidated(loss: Double)
  /// The same with the adapters as they start.
  case startValidated(loss: Double)
  /// The number of steps was fitted to the time: before the first (`step` 0), or since the machine's speed has changed.
  case fitted(step: Int, steps: Int, epochs: Double)
  /// A step of a trial of a learning rate is done.
  case searchingRate(rate: Double, done: Int, of: Int)
  /// A learning rate was tried; nil: its numbers were none.
  case rateTried(rate: Double, loss: Double?)
  /// The run takes this learning rate.
  case rateChosen(rate: Double)
  /// An optimizer step is done.
  case stepped(StepStatus)
  /// A validation after a step is done.
  case validated(step: Int, loss: Double, isBest: Bool)
  /// The watched prompts have been answered; step 0 is the base.
  case sampled(step: Int, [AnswerSample])
  /// The perplexity of the general text; `base` before training.
  case forgetting(perplexity: Double, base: Double?, withAdapters: Bool)
  /// A checkpoint is on the disk.
  case saved(step: Int, path: String)
  /// Training stops: so many validations brought nothing.
  case lostPatience(step: Int, validations: Int)
  /// All results are in `path`.
  case finished(path: String)
  /// The run ends at the user's wish. nil: before the first step.
  case interrupted(RunRemains?)
}

/// A step with what the run knows beyond it.
public struct StepStatus: Sendable, Equatable {
  public let report: StepReport
  /// Steps in all.
  public let stepCount: Int
  /// Moving average of the steps' losses.
  public let smoothedLoss: Double
  /// At the speed of this process's last steps, with the validations and the end that are still to come.
  public let secondsLeft: Double
}

/// What an interrupted run leaves.
public struct RunRemains: Sendable, Equatable {
  public let step: Int
  /// The folder with the adapter trained so far.
  public let path: String
  /// The earlier results' folder, where those stay.
  public let earlier: String?
}
