internal import Foundation
internal import Transformer

// A run of a given time: how many steps fit, measured before the first and watched on the way.

extension TrainingLoop {
  /// Micro-batches that are timed one by one before the first step.
  struct PaceMeasurement {
    var batches: [TokenBatch]
    var done = 0
    var seconds = 0.0
    var tokens = 0
  }

  /// Share of the time by which the foreseen end may be off before steps are fitted again.
  private static let tolerance = 0.04

  /// Everything since the process began to read, and what earlier processes took.
  private var spent: Double { session.preparationSeconds + elapsed }

  /// What the end takes when results have not been written yet: little, and a guess.
  private var secondsAtEnd: Double { max(2 * clock.writing, 0.5) }

  // MARK: - Before the first step

  /// Up to eight micro-batches of the first steps.
  func beginPace() {
    var batches: [TokenBatch] = []
    for index in 0..<session.stepCount where batches.count < 8 {
      batches += session.batchPlan.batches(index, of: session.data.train.sequences)
        .filter { $0.targetCount > 0 }
    }
    phase = .pacing(PaceMeasurement(batches: Array(batches.prefix(8))))
  }

  /// Times one micro-batch, or fits the steps when enough is known. The first reads the file and does not count.
  func advance(_ measurement: PaceMeasurement, time: Double) throws {
    var measurement = measurement
    let isEnough =
      measurement.tokens > 0
      && (measurement.done >= measurement.batches.count || measurement.seconds > 0.02 * time)
    if !isEnough, !measurement.batches.isEmpty {
      // With a single micro-batch its second run counts.
      let batch = measurement.batches[min(measurement.done, measurement.batches.count - 1)]
      let seconds = try session.trainer.time(batch, stop: stop)
      if stop.isRaised { return }
      if measurement.done > 0 {
        measurement.seconds += seconds
        measurement.tokens += batch.tokenCount
      }
      measurement.done += 1
      phase = .pacing(measurement)
      return
    }
    let perToken = measurement.seconds / Double(max(measurement.tokens, 1))
    limitValidation(time: time, secondsPerToken: perToken)
    var budget = budget(time: time, secondsPerToken: perToken)
    // The base is validated before the first step.
    budget.spent += clock.validation
    let steps = budget.steps
    let isOver = budget.spent > time
    try fit(Pace(steps: steps), at: 0)
    if isOver {
      emit(
        .notice(
          "the time is over before the first step: one step is taken, and the result is hardly trained"
        ))
    }
    phase = .training
  }

  /// A validation is a forward, a third of a step's work, and takes at most a twentieth of the time: of a part that would
  /// take longer some micro-batches are validated.
  private func limitValidation(time: Double, secondsPerToken: Double) {
    guard let batches = session.validationBatches else { return }
    let seconds = secondsPerToken / 3 * Double(batches.tokenCount)
    clock.validated(seconds: min(seconds, TimeBudget.validationShare * time))
    guard seconds > TimeBudget.validationShare * time else { return }
    let count = max(1, Int(Double(batches.count) * TimeBudget.validationShare * time / seconds))
    session.limitValidation(to: count)
    state.validationBatches = count
    let sequences = batches.sequenceCount
    let kept = session.validationBatches?.sequenceCount ?? 0
    emit(
      .notice(
        "validation looks at \(kept) of \(sequences) sequences, so that it takes no more than a twentieth "
          + "of the time"))
  }

  private func fit(_ pace: Pace, at step: Int) throws {
    state.pace = pace
    try session.fit(pace)
    try directory.write(session.repeatable.yaml(), to: RunDirectory.Name.recipe)
    emit(
      .fitted(
        step: step, steps: session.stepCount,
        epochs: session.batchPlan.step(session.stepCount - 1).epochsDone))
  }

  private func budget(time: Double, secondsPerToken: Double) -> TimeBudget {
    let tokensPerStep = Double(session.totalTokens) / Double(max(session.stepCount, 1))
    return TimeBudget(
      total: time, spent: spent, done: state.steps,
      secondsPerStep: secondsPerToken * tokensPerStep, secondsPerValidation: clock.validation,
      validations: { [session, state] in session.validations(from: state.steps, to: $0) },
      secondsAtEnd: secondsAtEnd, most: session.mostSteps)
  }

  // MARK: - On the way

  /// Seconds until the run ends, at the speed of the last steps.
  var secondsLeft: Double {
    let perToken = clock.secondsPerToken ?? 0
    let validations = session.validations(from: state.steps, to: session.stepCount)
    return perToken * Double(max(0, session.totalTokens - state.tokens))
      + clock.validation * Double(validations) + secondsAtEnd
  }

  /// Takes more or fewer steps where the end would miss the time.
  func keepPace() throws {
    guard let time = session.recipe.time?.seconds, var pace = state.pace,
      state.steps < session.stepCount, let perToken = clock.secondsPerToken,
      state.steps % max(1, session.stepCount / 20) == 0,
      abs(spent + secondsLeft - time) > Self.tolerance * time
    else { return }
    let steps = budget(time: time, secondsPerToken: perToken).steps
    guard steps != session.stepCount else { return }
    pace.change(at: state.steps, to: steps)
    try fit(pace, at: state.steps)
  }
}
