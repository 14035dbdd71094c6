import FineTuning
import Foundation
import Inference
import Tensors
import Transformer

/// Drives a session from its start to its results: progress to the terminal, metrics and adapters
/// to the run's folder.
struct TrainingRun {
  let session: FineTuneSession
  let directory: RunDirectory
  let interrupt: InterruptFlag

  private let began = ContinuousClock.now
  private var bestValidation = Double.infinity
  private var lastValidation: (step: Int, loss: Double)?
  private var validationsWithoutGain = 0
  private var smoothedLoss: Double?
  private var firstLoss: Double?
  private var baseValidation: Double?

  init(session: FineTuneSession, directory: RunDirectory, interrupt: InterruptFlag) {
    self.session = session
    self.directory = directory
    self.interrupt = interrupt
  }

  private var layerCount: Int { session.loaded.model.configuration.layerCount }

  private var elapsed: Double { (ContinuousClock.now - began) / .seconds(1) }

  // MARK: - Before

  /// Says what will be trained on what, in how much memory.
  func describe(_ reporter: inout TerminalReporter) throws {
    let data = session.data
    for notice in session.notices { reporter.warn(notice) }
    for notice in data.train.notices + (data.validation?.notices ?? []) {
      reporter.warn(notice)
    }
    let layout = session.trainer.adapters.layout
    reporter.say(
      "model     \(session.loaded.model.configuration.name), "
        + bytesText(session.loaded.file.byteCount))
    reporter.say(
      "data      \(data.train.sequences.count) sequences, \(data.train.tokenCount) tokens, "
        + "\(data.train.targetCount) targets"
        + (data.validation.map { "; \($0.sequences.count) for validation" } ?? ""))
    reporter.say(
      "adapters  rank \(layout.rank), \(layout.slots.count) matrices, "
        + "\(layout.parameterCount) parameters")
    reporter.say("memory    \(PlanText.summary(session.memoryPlan, layers: layerCount))")
    reporter.say(
      "compute   \(Processor.instructionSet.name), \(Processor.threads) threads, "
        + (session.loaded.model.arithmetic == .int8 ? "int8 forward, " : "")
        + (session.trainer.workspace.shape.storage == .bfloat16 ? "bf16" : "f32"))
    try directory.write(session.recipe.yaml(), to: directory.recipe)
  }

  // MARK: - Start

  /// Puts the adapters where training begins and writes `init.json`.
  mutating func begin(_ reporter: inout TerminalReporter) throws {
    let store =
      session.measuresStart
      ? try StartStore(folder: directory.unfinishedStart, fingerprint: session.startFingerprint)
      : nil
    if let notice = store?.notice { reporter.warn(notice) }
    let start = try session.makeStart(spillDirectory: directory.path, store: store)
    if start.resumedBlocks > 0 {
      reporter.say("start     goes on after \(start.resumedBlocks) blocks of an interrupted one")
    }
    while let progress = try start.advance() {
      try stopIfInterrupted(saving: false, &reporter)
      // Nothing can be foretold from nothing done.
      let left =
        progress.fraction > 0
        ? "  \(clockText(seconds: elapsed * (1 - progress.fraction) / progress.fraction)) left" : ""
      reporter.progress(
        String(format: "start %3.0f %%  %@%@", progress.fraction * 100, progress.activity, left))
    }
    reporter.closeLine()
    let report = start.report()
    for notice in report.notices { reporter.warn(notice) }
    if let summary = StartText.summary(report) { reporter.say("start     \(summary)") }
    try directory.write(json: report, to: directory.initialization)
    if let picture = StartPicture(report, session.trainer.adapters.layout.projections) {
      try directory.write(picture.svg, to: directory.initializationPicture)
    }
    try directory.removeUnfinishedStart()
    ProcessMemory.releaseFreed()
  }

  // MARK: - Training

  /// All steps, validations and the final results.
  mutating func train(_ reporter: inout TerminalReporter) throws {
    let metrics = try MetricsLog(path: directory.metrics)
    baseValidation = session.validate(withAdapters: false)
    if let baseValidation {
      reporter.say(String(format: "validation of the base: loss %.4f", baseValidation))
      try metrics.append(
        ValidationMetrics(
          step: 0, epoch: 0, validationLoss: baseValidation, adapters: false,
          elapsedSeconds: elapsed))
    }
    // Adapters with B = 0 leave the base as it is.
    if session.isValidationDue,
      let loss = session.startsAtBase ? baseValidation : session.validate()
    {
      // Of the curve, not of the choice: the start is no result of training.
      reporter.say(String(format: "validation at the start: loss %.4f", loss))
      try metrics.append(
        ValidationMetrics(step: 0, epoch: 0, validationLoss: loss, elapsedSeconds: elapsed))
    }
    let trainingBegan = ContinuousClock.now
    while let step = try session.step() {
      smoothedLoss = smoothedLoss.map { 0.9 * $0 + 0.1 * step.loss } ?? step.loss
      firstLoss = firstLoss ?? step.loss
      try metrics.append(
        StepMetrics(
          step: step.step, epoch: session.epochsDone, tokens: session.tokensDone, loss: step.loss,
          learningRate: step.learningRate, gradientNorm: step.gradientNorm,
          tokensPerSecond: step.tokensPerSecond, residentBytes: ProcessMemory.resident,
          elapsedSeconds: elapsed))
      let perStep = (ContinuousClock.now - trainingBegan) / .seconds(1) / Double(step.step)
      reporter.progress(
        String(
          format: "step %d/%d  loss %.4f (%.4f)  %.0f tokens/s  %@  %@ left",
          step.step, session.stepCount, step.loss, smoothedLoss ?? step.loss,
          step.tokensPerSecond, memoryText,
          clockText(seconds: perStep * Double(session.stepCount - step.step))),
        every: 3600, always: step.step % session.recipe.logEvery == 0)
      let interrupted = interrupt.isSet
      if session.isValidationDue && !interrupted {
        let isBest = try validate(step.step, metrics, &reporter)
        if isBest && !session.recipe.keepLast { try save() }
        if let patience = session.recipe.patience, validationsWithoutGain >= patience {
          reporter.say("stopped at step \(step.step): no improvement in \(patience) validations")
          break
        }
      }
      if interrupted { try stopIfInterrupted(saving: true, &reporter) }
    }
    reporter.closeLine()
    // With a validation part the best adapters have been saved; else the last are the result.
    if !isBestSaved { try save() }
    try directory.write(card.markdown, to: directory.modelCard)
    reporter.say(
      "done in \(clockText(seconds: elapsed)), peak memory \(bytesText(ProcessMemory.peak)); "
        + "results in \(directory.path)")
  }

  private var memoryText: String {
    let resident = bytesText(ProcessMemory.resident)
    return session.recipe.memory.map { "\(resident)/\(bytesText($0.byteCount))" } ?? resident
  }

  private mutating func validate(
    _ step: Int, _ metrics: borrowing MetricsLog, _ reporter: inout TerminalReporter
  ) throws -> Bool {
    guard let loss = session.validate() else { return false }
    try metrics.append(
      ValidationMetrics(
        step: step, epoch: session.epochsDone, validationLoss: loss, elapsedSeconds: elapsed))
    lastValidation = (step, loss)
    let isBest = loss < bestValidation
    reporter.say(
      String(format: "validation at step %d: loss %.4f%@", step, loss, isBest ? " (best)" : ""))
    if isBest {
      bestValidation = loss
      validationsWithoutGain = 0
    } else {
      validationsWithoutGain += 1
    }
    return isBest
  }

  /// Whether the best adapters have been written, as the result unless the last are wanted.
  private var isBestSaved: Bool { bestValidation != .infinity && !session.recipe.keepLast }

  private func save() throws {
    // The adapters' copies take the place of the activations.
    session.trainer.releaseWorkspace()
    defer { ProcessMemory.releaseFreed() }
    let adapter = Adapter(session.trainer.adapters, of: session.loaded)
    try adapter.writeGGUF(
      path: directory.adapter, base: session.loaded.file.metadata, name: name)
    guard !adapter.adaptsExperts else { return }
    try adapter.writePEFT(
      folder: directory.peft, base: session.loaded.model.configuration, baseName: baseName)
  }

  private var name: String {
    directory.path.split(separator: "/").last.map(String.init) ?? "adapter"
  }

  private var baseName: String { session.loaded.model.configuration.name }

  private var card: ModelCard {
    var card = ModelCard(
      name: name, baseName: baseName, recipe: session.recipe,
      parameterCount: session.trainer.adapters.layout.parameterCount,
      trainSequences: session.data.train.sequences.count, trainTokens: session.tokensDone,
      steps: session.stepsDone, elapsedSeconds: elapsed)
    card.firstLoss = firstLoss
    card.lastLoss = smoothedLoss
    card.baseValidationLoss = baseValidation
    // Of the adapters that are written.
    if isBestSaved {
      card.validationLoss = bestValidation
    } else if let last = lastValidation, last.step == session.stepsDone {
      card.validationLoss = last.loss
    }
    card.peakBytes = ProcessMemory.peak
    card.hasPEFT = !session.trainer.adapters.layout.adaptsExperts
    return card
  }

  /// Ends the run at a safe place after ctrl-C. The best adapters so far stay; without a validation
  /// the present ones are written.
  private func stopIfInterrupted(saving: Bool, _ reporter: inout TerminalReporter) throws {
    guard interrupt.isSet else { return }
    reporter.closeLine()
    guard saving else {
      throw Interrupted(
        description: "interrupted before the first step: nothing was trained"
          + (session.measuresStart ? "; the same command continues the start" : ""))
    }
    if !isBestSaved { try save() }
    try directory.write(card.markdown, to: directory.modelCard)
    throw Interrupted(
      description: "interrupted after step \(session.stepsDone): the adapter trained so far is in "
        + directory.path)
  }
}
