internal import Transformer

// Whose fault it is that a loss is not a number: the base's, the adapters', or the start's.

extension FineTuneSession {
  /// What `error` of the step over `batches` comes from.
  func explained(_ error: TrainingError, _ batches: [TokenBatch]) -> TrainingError {
    guard case .notANumber(let step, let loss, let microBatch, let sequences) = error else {
      return error
    }
    let rows = rows(ofStep: step - 1, microBatch: microBatch, sequences: sequences)
    let suspects = microBatch.map { [$0] } ?? Array(batches.indices)
    var total = (loss: 0.0, targets: 0)
    for index in suspects where batches[index].targetCount > 0 {
      switch lookAtBase(batches[index]) {
      case .broken(let place): return brokenBase("\(place) (seen at step \(step), on \(rows))")
      case .sound(let mean):
        total.loss += mean * Double(batches[index].targetCount)
        total.targets += batches[index].targetCount
      }
    }
    // Adapters that have not moved from a start which changes nothing are not at fault.
    if step == 1, loss.isFinite, startsAtBase { return .gradientOverflows(rows: rows) }
    return .diverged(
      step: step, loss: loss, rows: rows, baseLoss: total.loss / Double(max(total.targets, 1)))
  }

  /// What a validation whose loss is not a number comes from, when that of the base is not known.
  func explainedValidation() -> TrainingError {
    validationBatches.flatMap { brokenBase(on: $0) } ?? .validationDiverged(step: stepsDone)
  }

  /// What a start whose loss is not a number, or whose mathematics met one, comes from; nil when the base is sound.
  func explainedStart() -> TrainingError? { brokenBase(on: startBatches) }

  private func brokenBase(on batches: some Sequence<TokenBatch>) -> TrainingError? {
    for batch in batches where batch.targetCount > 0 {
      if case .broken(let place) = lookAtBase(batch) { return brokenBase(place) }
    }
    return nil
  }

  private func lookAtBase(_ batch: TokenBatch) -> BrokenBase.Finding {
    BrokenBase(loaded: loaded).look(batch, trainer.model, trainer.workspace)
  }

  private func brokenBase(_ place: String) -> TrainingError {
    .brokenBase(path: loaded.file.path, place: place)
  }

  // MARK: - Rows

  /// The lines of the data that step `index` (from 0) saw, or those of them that lost their numbers, as a message says it.
  private func rows(ofStep index: Int, microBatch: Int?, sequences: [Int]) -> String {
    let microBatches = batchPlan.step(index).microBatches
    let all = microBatch.map { microBatches[$0] } ?? microBatches.flatMap(\.self)
    let found = sequences.isEmpty ? all : sequences.map { all[$0] }
    let lines = Set(found.map { data.train.sequences.line($0) }).sorted()
    let file = data.train.sources.count == 1 ? data.train.sources.first?.path : nil
    let shown = lines.prefix(8).map { "\($0)" }.joined(separator: ", ")
    let rest = lines.count > 8 ? " and \(lines.count - 8) more" : ""
    return "line\(lines.count == 1 ? "" : "s") \(shown)\(rest) of \(file ?? "the data")"
  }
}
