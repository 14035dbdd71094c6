import ModelFiles
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

/// Training on the real model, a few small steps. Skipped where the model is missing.
@Suite(.serialized, .tags(.realModel))
struct RealTrainingTests {
  /// From a start with B = 0, whose A has no gradient until B has moved.
  @Test(.enabled(if: TestFiles.hasRealModel))
  func everyPairHasChangedAfterFiveSteps() throws {
    let model = try Model(GGUFFile(path: TestFiles.realModel))
    let layout = AdapterLayout(model.configuration, rank: 4, alpha: 8, rankStabilized: true)
    let plan = try MemoryPlan(
      MemoryRequest(
        model, layout, storage: .bfloat16, fileBytes: 98_362_432, longest: 48, stepTokens: 48))
    let trainer = try Trainer(model, layout, plan: plan, clip: 1)
    let start = try StartSession(
      trainer,
      initializer: AdapterInitializer(.gaussian, generator: RandomGenerator(seed: 3)),
      data: InitializationData([]),
      spillDirectory: ".")
    while try start.advance() != nil {}
    let before = layout.slots.map { trainer.adapters.values($0) }
    let ids = (0..<48).map { Int32(1000 + 37 * $0) }
    let batch = TokenBatch([TokenSequence(allTargets: ids)])
    var losses: [Double] = []
    for _ in 0..<5 { losses.append(try trainer.step([batch], learningRate: 1e-3).loss) }
    #expect(losses[4] < losses[0])
    #expect(layout.slots.count == 210)
    for (slot, old) in zip(layout.slots, before) {
      let new = trainer.adapters.values(slot)
      #expect(new.a != old.a, "A of \(slot.layer) \(slot.projection) has not changed")
      #expect(new.bt != old.bt, "B of \(slot.layer) \(slot.projection) has not changed")
    }
  }
}
