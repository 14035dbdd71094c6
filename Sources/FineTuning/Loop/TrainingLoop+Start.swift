internal import Foundation
internal import Tensors
internal import Transformer

// The start of a run: adapters to where training begins, and its report.

extension TrainingLoop {
  func beginStart() throws {
    let store =
      session.measuresStart
      ? try StartStore(
        folder: directory.unfinishedStart, fingerprint: session.startFingerprint) : nil
    if let notice = store?.notice { emit(.notice(notice)) }
    let start = try explainingStart {
      try session.makeStart(spillDirectory: directory.path, store: store, stop: stop)
    }
    if start.resumedBlocks > 0 { emit(.startResumed(blocks: start.resumedBlocks)) }
    phase = .starting(start, store)
  }

  func advance(_ start: StartSession, _ store: StartStore?) throws {
    if let progress = try explainingStart({ try start.advance() }) {
      return emit(.starting(progress))
    }
    if stop.isRaised { return }
    let report = start.report()
    for loss in [report.lossBefore, report.lossAfter] where loss?.isFinite == false {
      throw session.explainedStart()
        ?? .startDiverged(initialization: session.recipe.initialization)
    }
    guard session.trainer.isFinite else {
      throw session.explainedStart()
        ?? .startDiverged(initialization: session.recipe.initialization)
    }
    emit(.started(report))
    try directory.write(json: report, to: RunDirectory.Name.initialization)
    if let picture = StartPicture(report, session.trainer.adapters.layout.projections) {
      try directory.write(picture.svg, to: RunDirectory.Name.initializationPicture)
    }
    phase = .training
    // What the start found is kept by the checkpoint from here on.
    if let store {
      try save()
      try store.remove()
    }
    ProcessMemory.releaseFreed()
  }

  /// The start's mathematics stops at values that are not finite: the base may be where they come from.
  private func explainingStart<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as TensorError {
      guard case .noConvergence = error, let explained = session.explainedStart() else {
        throw error
      }
      throw explained
    } catch TrainingError.notANumber {
      throw session.explainedStart()
        ?? .startDiverged(initialization: session.recipe.initialization)
    }
  }
}
