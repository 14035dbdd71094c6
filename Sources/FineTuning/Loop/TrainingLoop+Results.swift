internal import Foundation
internal import Inference
internal import Tensors
internal import Transformer

// What a run writes: checkpoints, adapters, the card; and how it ends.

extension TrainingLoop {
  // MARK: - Checkpoints

  /// Writes a checkpoint when the recipe's number of steps, or by default some minutes, have passed.
  func saveIfDue() throws {
    if let every = session.recipe.saveEvery {
      guard state.steps > 0, state.steps % every == 0, savedStep != state.steps else { return }
    } else {
      guard (ContinuousClock.now - lastSave) / .seconds(1) >= Self.saveInterval else { return }
    }
    // The last step's state is the results themselves.
    if state.steps == session.stepCount && session.recipe.saveEvery == nil { return }
    try save()
  }

  /// Writes a checkpoint of the present state.
  func save() throws {
    guard session.trainer.isFinite else { throw TrainingError.weightsDiverged(step: state.steps) }
    let began = ContinuousClock.now
    defer { clock.wrote(seconds: (ContinuousClock.now - began) / .seconds(1)) }
    let store = CheckpointStore(folder: directory.checkpoints)
    try store.prepare()
    try metrics.sync()
    state.elapsedSeconds = elapsed
    state.peakBytes = max(state.peakBytes, ProcessMemory.peak)
    let path = store.path(state.steps)
    try Checkpoint.write(
      path: path,
      Checkpoint.Contents(
        fingerprint: session.fingerprint, state: state),
      session.trainer, from: directory.path, hasBest: isBestSaved)
    store.prune(keeping: session.recipe.keep)
    lastSave = .now
    savedStep = state.steps
    emit(.saved(step: state.steps, path: path))
  }

  // MARK: - Results

  /// Whether the best adapters have been written, as the result unless the last are wanted.
  var isBestSaved: Bool { state.best != nil && !session.recipe.keepLast }

  /// Writes the present adapters as the result. Throws `TrainingError.weightsDiverged` before anything is written.
  func saveAdapter() throws {
    guard session.trainer.isFinite else { throw TrainingError.weightsDiverged(step: state.steps) }
    let began = ContinuousClock.now
    defer { clock.wrote(seconds: (ContinuousClock.now - began) / .seconds(1)) }
    // The adapters' copies take the place of the activations.
    session.trainer.releaseWorkspace()
    defer { ProcessMemory.releaseFreed() }
    try write(Adapter(session.trainer.adapters, of: session.loaded))
  }

  private func write(_ adapter: Adapter) throws {
    try directory.write([RunDirectory.Name.adapter]) {
      try adapter.writeGGUF(
        path: directory.adapter, base: session.loaded.file.metadata, name: name)
    }
    guard !adapter.adaptsExperts else { return }
    try directory.write(RunDirectory.Name.peft) {
      try adapter.writePEFT(
        folder: directory.peft, base: session.loaded.model.configuration, baseName: baseName,
        dropout: session.recipe.dropout)
    }
  }

  var name: String {
    directory.root.split(separator: "/").last.map(String.init) ?? "adapter"
  }

  private var baseName: String { session.loaded.model.configuration.name }

  private var card: ModelCard {
    var card = ModelCard(
      name: name, baseName: baseName, recipe: session.repeatable,
      parameterCount: session.trainer.adapters.layout.parameterCount,
      trainSequences: session.data.train.sequences.count, trainTokens: state.tokens,
      steps: state.steps, elapsedSeconds: elapsed)
    card.firstLoss = state.firstLoss?.value
    card.lastLoss = state.smoothedLoss?.value
    card.baseValidationLoss = state.baseValidation?.value
    // Of the adapters that are written.
    if isBestSaved {
      card.validationLoss = state.best?.loss.value
    } else if let last = state.lastValidation, last.step == state.steps {
      card.validationLoss = last.loss.value
    }
    card.peakBytes = max(state.peakBytes, ProcessMemory.peak)
    card.hasPEFT = !session.trainer.adapters.layout.adaptsExperts
    return card
  }

  // MARK: - Ends

  /// With a validation part the best adapters have been saved; else the last are the result.
  func finish() throws {
    if !isBestSaved { try saveAdapter() }
    try directory.write(card.markdown, to: RunDirectory.Name.modelCard)
    try writeReport(isFinished: true)
    try metrics.sync()
    try directory.close(growing: RunDirectory.Name.metrics)
    // Checkpoints were for a run that ends otherwise; asked for by number of steps they are results.
    try directory.finish(keepsCheckpoints: session.recipe.saveEvery != nil)
    phase = .done
    emit(.finished(path: directory.path))
  }

  /// Ends at a safe place. The best adapters so far stay; without a validation the present ones are written.
  func interrupt() throws {
    phase = .done
    guard state.steps > 0 else { return emit(.interrupted(nil)) }
    if savedStep != state.steps { try save() }
    if !isBestSaved { try saveAdapter() }
    try directory.write(card.markdown, to: RunDirectory.Name.modelCard)
    try writeReport(isFinished: false)
    try directory.close(growing: RunDirectory.Name.metrics)
    emit(
      .interrupted(
        RunRemains(
          step: state.steps, path: directory.path,
          earlier: directory.isReplacement ? directory.root : nil)))
  }

  /// `error` with what was good before and stays.
  func keeping(_ error: TrainingError) -> TrainingError {
    if isBestSaved, let best = state.best {
      return .keeping(
        "the best adapters, of step \(best.step) with validation loss "
          + "\((best.loss.value * 10_000).rounded() / 10_000), stay in \(directory.path)", error)
    }
    if let savedStep, savedStep > 0 {
      return .keeping(
        "the checkpoint of step \(savedStep) stays in \(directory.checkpoints)", error)
    }
    return error
  }
}
