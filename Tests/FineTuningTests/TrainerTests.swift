import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

/// Steps that are broken off, by the user or by a number that is none, change nothing.
@Suite struct TrainerTests {
  @Test(
    "A step, a validation and a start that are stopped leave adapters and optimizer as they were")
  func stoppedWorkChangesNothing() throws {
    let small = try SmallStart()
    _ = try small.report(.loraOne)
    let before = small.pairs
    let flag = StopFlag()
    flag.raise()
    #expect(throws: TrainingError.stopped) {
      try small.trainer.step(small.batches, learningRate: 1, stop: flag)
    }
    var pass = ValidationPass(small.batches, withAdapters: true)
    let advances = pass.advance(small.trainer, stop: flag)
    #expect(!advances && pass.done == 0)
    #expect(small.pairs == before && small.trainer.optimizer.stepCount == 0)
    // And nothing is left over for the next step.
    let fresh = try SmallStart()
    _ = try fresh.report(.loraOne)
    #expect(
      try small.trainer.step(small.batches, learningRate: 1e-3).gradientNorm
        == fresh.trainer.step(fresh.batches, learningRate: 1e-3).gradientNorm)
    #expect(small.pairs == fresh.pairs)
  }

  @Test("A forward that is stopped in the middle returns early")
  func stopsInTheMiddle() throws {
    let small = try SmallStart()
    let flag = StopFlag()
    flag.raise()
    let (trainer, batch) = (small.trainer, small.batches[0])
    trainer.model.forward(batch, adapters: nil, trainer.workspace)
    let whole = trainer.model.residual(tokens: batch.tokenCount, trainer.workspace).array()
    trainer.model.forward(batch, adapters: nil, trainer.workspace, stop: flag)
    #expect(trainer.model.residual(tokens: batch.tokenCount, trainer.workspace).array() != whole)
    #expect(trainer.model.loss(batch, trainer.workspace, stop: flag).isEmpty)
  }

  @Test("Weights that are not numbers are noticed, and the sequences that lost theirs are named")
  func notNumbers() throws {
    let small = try SmallStart()
    #expect(small.trainer.isFinite)
    let slot = small.layout.slots[3]
    var pair = small.trainer.adapters.values(slot)
    pair.bt[5] = .infinity
    small.trainer.adapters.assign(slot, a: pair.a, bt: pair.bt)
    #expect(!small.trainer.isFinite)

    let batch = TokenBatch([
      TokenSequence(allTargets: [1, 2, 3]), TokenSequence(ids: [4], targets: [-1]),
      TokenSequence(allTargets: [5, 6]),
    ])
    #expect(batch.sequences(ofNotFinite: [1, 1, 1]) == [])
    #expect(batch.sequences(ofNotFinite: [1, .nan, 1]) == [0])
    #expect(batch.sequences(ofNotFinite: [.infinity, 1, .nan]) == [0, 2])
  }
}
