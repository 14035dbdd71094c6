import ModelFiles
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

/// Ten steps of LoRA with AdamW on the real model, against the same steps in PyTorch and PEFT.
@Suite(.serialized, .tags(.realModel))
struct ReferenceCurveTests {
  /// The adapters of the curve where they begin, with their optimizer.
  private func trainer(_ reference: RealReference, storage: ElementType) throws -> Trainer {
    let model = try Model(GGUFFile(path: TestFiles.realModel))
    let layout = AdapterLayout(
      model.configuration, rank: reference.rank, alpha: reference.alpha, rankStabilized: false)
    let longest = reference.sequences.map(\.count).max() ?? 1
    let plan = try MemoryPlan(
      MemoryRequest(
        model, layout, storage: storage, fileBytes: 98_362_432, longest: longest,
        stepTokens: longest))
    let trainer = try Trainer(model, layout, plan: plan, clip: 0)
    for slot in layout.slots {
      let part = "blk.\(slot.layer).\(slot.projection.tensorName)"
      trainer.adapters.assign(
        slot, a: RealReference.a(part, count: slot.rank * slot.in),
        bt: [Float](repeating: 0, count: slot.rank * slot.out))
    }
    return trainer
  }

  private func batches(_ reference: RealReference, step: Int) -> [TokenBatch] {
    let first = 4 * (step % 2)
    return reference.sequences[first..<first + 4].map {
      TokenBatch([TokenSequence(allTargets: $0)])
    }
  }

  private func norm(_ values: [Float]) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  @Test(
    "Ten steps in float32 follow the curve of PyTorch and PEFT",
    .enabled(if: TestFiles.hasRealModel, "the real model is missing: make model fetches it"))
  func tenStepsFollowTheCurve() throws {
    let reference = try RealReference()
    let trainer = try trainer(reference, storage: .float32)
    for (step, expected) in reference.losses.enumerated() {
      let report = try trainer.step(
        batches(reference, step: step), learningRate: reference.rate)
      #expect(abs(report.loss - expected) < 1e-3, "step \(step): \(report.loss)")
    }
    #expect(abs(trainer.validate(batches(reference, step: 0)) - reference.after) < 1e-3)
    #expect(reference.adapters.count == 21)
    for slot in trainer.adapters.layout.slots {
      let part = "blk.\(slot.layer).\(slot.projection.tensorName)"
      guard let expected = reference.adapters[part] else { continue }
      let values = trainer.adapters.values(slot)
      #expect(abs(norm(values.a) / expected.aFro - 1) < 1e-3, "A of \(part)")
      #expect(abs(norm(values.bt) / expected.bFro - 1) < 1e-2, "B of \(part)")
    }
  }

  @Test(
    "Four steps in bfloat16 stay near the curve of PyTorch and PEFT",
    .enabled(if: TestFiles.hasRealModel, "the real model is missing: make model fetches it"))
  func bfloatStaysNearTheCurve() throws {
    let reference = try RealReference()
    let trainer = try trainer(reference, storage: .bfloat16)
    for (step, expected) in reference.losses.prefix(4).enumerated() {
      let report = try trainer.step(
        batches(reference, step: step), learningRate: reference.rate)
      #expect(abs(report.loss - expected) < 0.01, "step \(step): \(report.loss)")
    }
  }
}
