internal import Foundation
internal import Inference
public import Tensors
internal import Transformer

/// What happens between the steps of a run: the start, validations, the best adapters, patience, checkpoints, the results, and
/// the end at the user's wish.
///
///     let loop = try TrainingLoop(session, in: directory, resume: .auto, stop: flag)
///     while let event = try loop.next() { show(event) }
///
/// Each call of `next` does one piece (a micro-batch of a validation, a step) and says what it was. It writes all files of the
/// run; it prints nothing.
public final class TrainingLoop {
  /// The value of `--resume`.
  public enum Resume: Sendable, Equatable {
    /// An unfinished run of the same settings goes on.
    case auto
    /// From the beginning.
    case never
    /// From a run's folder or a checkpoint.
    case path(String)
  }

  enum Phase {
    case beginning
    case starting(StartSession, StartStore?)
    case validatingBase(ValidationPass)
    case validatingStart(ValidationPass)
    case pacing(PaceMeasurement)
    case training
    case validating(ValidationPass)
    case searching(RateTrial)
    case sampling(SamplePass)
    case forgetting(ValidationPass)
    case finishing
    case done
  }

  /// Seconds between checkpoints unless the recipe says every how many steps.
  static let saveInterval = 600.0

  let session: FineTuneSession
  let directory: RunDirectory
  let stop: StopFlag
  var state = TrainingState()
  var phase = Phase.beginning
  var metrics: MetricsLog
  /// TensorBoard's, where it is wanted.
  var events: TensorBoardLog?
  /// What `next` will hand out first.
  private var pending: [TrainingEvent] = []
  private let began = ContinuousClock.now
  /// Of the parts before this process.
  private let elapsedBefore: Double
  var lastSave = ContinuousClock.now
  var watch = MachineWatch()
  /// Steps of the checkpoint that was written or read last.
  var savedStep: Int?
  /// What the parts of the run take.
  var clock = RunClock()

  /// Decides where the run begins, and puts everything there.
  ///
  /// - Parameter overwrite: whether an unfinished run of other settings may be replaced.
  /// - Throws: `RunDirectory.Failure` when the folder holds what must not be lost.
  public init(
    _ session: FineTuneSession, in directory: RunDirectory, resume: Resume = .auto,
    overwrite: Bool = false, stop: StopFlag = StopFlag()
  ) throws {
    self.session = session
    self.directory = directory
    self.stop = stop
    let fingerprint = session.fingerprint
    let found = try Resumption(
      resume, in: directory, fingerprint: fingerprint, overwrite: overwrite)
    if let checkpoint = found.checkpoint {
      try session.trainer.openSpill(directory: directory.path)
      state = checkpoint.contents.state
      try checkpoint.restore(session.trainer)
      session.resume(tokensDone: state.tokens)
      if let pace = state.pace { try session.fit(pace) }
      if let rate = state.rate { session.take(rate: rate.value) }
      if let count = state.validationBatches { session.limitValidation(to: count) }
      try Self.takeOver(checkpoint, isInPlace: found.isInPlace, directory)
      savedStep = state.steps
      phase = .training
      // Killed after the checkpoint of the start, and before what that replaced was gone.
      try StartStore.remove(folder: directory.unfinishedStart)
      pending.append(.resumed(step: state.steps, path: checkpoint.path))
    }
    elapsedBefore = state.elapsedSeconds
    try directory.write(session.repeatable.yaml(), to: RunDirectory.Name.recipe)
    try directory.list(growing: RunDirectory.Name.metrics)
    metrics = try MetricsLog(
      path: directory.metrics, keeping: found.checkpoint == nil ? 0 : state.metricsBytes,
      steps: state.steps)
    pending += (directory.notices + found.notices).map { .notice($0) }
    directory.notices = []
    try directory.write(json: session.summary, to: RunDirectory.Name.summary)
    try writeSamples()
    events = try Self.makeEvents(session, directory)
  }

  /// Throws `RunDirectory.Failure` when no run could go on from `path`: to be asked before a folder is made.
  public static func checkResumption(from path: String) throws(RunDirectory.Failure) {
    try Resumption.check(path: path)
  }

  /// Puts what a checkpoint holds besides the trainer's state where the run expects it.
  private static func takeOver(
    _ checkpoint: Checkpoint, isInPlace: Bool, _ directory: RunDirectory
  ) throws {
    for (name, target) in Checkpoint.copies where checkpoint.names.contains(name) {
      let source = "\(checkpoint.path)/\(name)"
      let present = try? MappedFile.sha256(path: "\(directory.path)/\(target)")
      guard present != (try? MappedFile.sha256(path: source)) else { continue }
      let folder = URL(fileURLWithPath: "\(directory.path)/\(target)").deletingLastPathComponent()
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try directory.write([target]) {
        try Checkpoint.copy(source, to: "\(directory.path)/\(target)")
      }
    }
    guard !isInPlace else { return }
    let run = URL(fileURLWithPath: checkpoint.path).deletingLastPathComponent()
      .deletingLastPathComponent().path
    let rows =
      FileManager.default.contents(atPath: "\(run)/\(RunDirectory.Name.metrics)") ?? Data()
    try directory.write(String(decoding: rows, as: UTF8.self), to: RunDirectory.Name.metrics)
  }

  /// The checkpoint that a run which ends in an error would go on from; nil where there is none of use.
  public var newestCheckpoint: String? {
    savedStep.map { CheckpointStore(folder: directory.checkpoints).path($0) }
  }

  /// Without pauses.
  var elapsed: Double {
    elapsedBefore + (ContinuousClock.now - began - stop.pausedTime) / .seconds(1)
  }

  // MARK: - Piece by piece

  /// Does the next piece; nil when the run has ended.
  public func next() throws -> TrainingEvent? {
    while pending.isEmpty {
      if case .done = phase { return nil }
      do {
        try lookAtMachine()
        try advance()
      } catch TrainingError.stopped {
        continue
      } catch let error as TrainingError {
        throw keeping(error)
      }
      pending += directory.notices.map { .notice($0) }
      directory.notices = []
    }
    return pending.removeFirst()
  }

  func emit(_ event: TrainingEvent) { pending.append(event) }

  private func advance() throws {
    if stop.isRaised, !isFinishing { return try interrupt() }
    switch phase {
    case .beginning: try beginStart()
    case .starting(let start, let store): try advance(start, store)
    case .validatingBase(var pass):
      try advance(&pass, Phase.validatingBase) { try finishBaseValidation($0) }
    case .validatingStart(var pass):
      try advance(&pass, Phase.validatingStart) { try finishStartValidation($0) }
    case .pacing(let measurement):
      try advance(measurement, time: session.recipe.time?.seconds ?? 0)
    case .training: try advanceTraining()
    case .validating(var pass): try advance(&pass, Phase.validating) { try finishValidation($0) }
    case .searching(let trial): try advance(trial)
    case .sampling(let pass): try advance(pass)
    case .forgetting(var pass):
      let withAdapters = pass.withAdapters
      try advance(&pass, Phase.forgetting) {
        try finishForgetting($0, withAdapters: withAdapters)
      }
    case .finishing:
      if isForgettingDueAfter { try beginForgetting(withAdapters: true) } else { try finish() }
    case .done: break
    }
  }

  /// What is left to do then takes no time.
  private var isFinishing: Bool {
    if case .finishing = phase { !isForgettingDueAfter } else { false }
  }

  // MARK: - Validation

  private func advance(
    _ pass: inout ValidationPass, _ phase: (ValidationPass) -> Phase,
    _ end: (Double) throws -> Void
  ) throws {
    let began = ContinuousClock.now
    let isOver = !pass.advance(session.trainer, stop: stop)
    if stop.isRaised { return }
    pass.seconds += (ContinuousClock.now - began) / .seconds(1)
    guard pass.loss.isFinite else {
      throw pass.withAdapters && state.baseValidation != nil
        ? TrainingError.validationDiverged(step: state.steps) : session.explainedValidation()
    }
    guard isOver else {
      self.phase = phase(pass)
      if pass.done < pass.count { emit(.validating(done: pass.done, of: pass.count)) }
      return
    }
    if case .forgetting = phase(pass) {} else { clock.validated(seconds: pass.seconds) }
    self.phase = .training
    try end(pass.loss)
    try saveIfDue()
  }

  private func finishBaseValidation(_ loss: Double) throws {
    state.baseValidation = ExactNumber(loss)
    state.isBaseValidated = true
    emit(.baseValidated(loss: loss))
    try log(
      ValidationMetrics(
        step: 0, epoch: 0, validationLoss: loss, adapters: false, elapsedSeconds: elapsed))
  }

  private func finishStartValidation(_ loss: Double) throws {
    state.isStartValidated = true
    // Of the curve, not of the choice: the start is no result of training.
    emit(.startValidated(loss: loss))
    try log(
      ValidationMetrics(step: 0, epoch: 0, validationLoss: loss, elapsedSeconds: elapsed))
  }

  private func finishValidation(_ loss: Double) throws {
    let step = state.steps
    try log(
      ValidationMetrics(
        step: step, epoch: session.epochsDone, validationLoss: loss, elapsedSeconds: elapsed))
    let validation = TrainingState.Validation(step: step, loss: ExactNumber(loss))
    state.lastValidation = validation
    let isBest = loss < state.best?.loss.value ?? .infinity
    if isBest {
      if !session.recipe.keepLast { try saveAdapter() }
      state.best = validation
      state.validationsWithoutGain = 0
    } else {
      state.validationsWithoutGain += 1
    }
    emit(.validated(step: step, loss: loss, isBest: isBest))
  }

  // MARK: - Steps

  /// The one thing that is next, of the state alone: so a run that goes on from a checkpoint does what it would have done.
  private func advanceTraining() throws {
    if session.recipe.time != nil, state.pace == nil, session.stepCount > 0 { return beginPace() }
    if isForgettingDueBefore { return try beginForgetting(withAdapters: false) }
    if state.steps == 0, isSampleDue { return try beginSample() }
    if !state.isBaseValidated {
      guard let pass = session.validationPass(withAdapters: false) else {
        state.isBaseValidated = true
        return
      }
      phase = .validatingBase(pass)
      return
    }
    if !state.isStartValidated {
      guard state.steps == 0, session.isValidationDue else {
        state.isStartValidated = true
        return
      }
      // Adapters with B = 0 leave the base as it is.
      if session.startsAtBase, let base = state.baseValidation {
        return try finishStartValidation(base.value)
      }
      guard let pass = session.validationPass(withAdapters: true) else { return }
      phase = .validatingStart(pass)
      return
    }
    if state.steps > 0, session.isValidationDue, state.lastValidation?.step != state.steps,
      let pass = session.validationPass(withAdapters: true)
    {
      phase = .validating(pass)
      return
    }
    if state.steps > 0, isSampleDue { return try beginSample() }
    if let patience = session.recipe.patience, state.validationsWithoutGain >= patience {
      emit(.lostPatience(step: state.steps, validations: patience))
      phase = .finishing
      return
    }
    if isRateDue { return try beginRateSearch() }
    guard let report = try session.step(stop: stop) else {
      phase = .finishing
      return
    }
    try record(report)
    // A validation belongs to its step: the checkpoint comes after it.
    if !session.isValidationDue { try saveIfDue() }
  }

  private func record(_ report: StepReport) throws {
    state.steps = report.step
    state.tokens = session.tokensDone
    let smoothed = state.smoothedLoss.map { 0.9 * $0.value + 0.1 * report.loss } ?? report.loss
    state.smoothedLoss = ExactNumber(smoothed)
    if state.firstLoss == nil { state.firstLoss = ExactNumber(report.loss) }
    try log(
      StepMetrics(
        step: report.step, epoch: session.epochsDone, tokens: session.tokensDone,
        loss: report.loss, learningRate: report.learningRate, gradientNorm: report.gradientNorm,
        tokensPerSecond: report.tokensPerSecond, residentBytes: ProcessMemory.resident,
        elapsedSeconds: elapsed))
    clock.step(tokens: report.tokens, seconds: report.seconds)
    try keepPace()
    emit(
      .stepped(
        StepStatus(
          report: report, stepCount: session.stepCount, smoothedLoss: smoothed,
          secondsLeft: secondsLeft)))
  }
}
