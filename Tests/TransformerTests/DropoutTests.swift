import Tensors
import TestSupport
import Testing

@testable import Transformer

/// Dropout on the adapters' inputs, in whole blocks.
struct DropoutTests {
  private func model() throws -> Model {
    try Model(
      SyntheticModel(
        layers: 2, width: 32, heads: 4, keyValueHeads: 2, feedForward: 64, vocabulary: 48,
        format: .q8_0, seed: 7
      ).file())
  }

  private func batch(_ dropout: Dropout?) -> TokenBatch {
    var batch = TokenBatch([
      TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7]),
      TokenSequence(ids: [3, 4, 40, 41, 2], targets: [-1, -1, 41, 2, 6]),
    ])
    batch.dropout = dropout
    return batch
  }

  private let half = Dropout(rate: 0.5, seed: 3, step: 4, firstRow: 2)

  @Test(
    "With the mask fixed, every adapter's gradient is the loss's derivative",
    arguments: [Checkpointing.keepProducts, .recompute])
  func gradientsAgree(checkpointing: Checkpointing) throws {
    let check = try GradientCheck(model(), batch(half), checkpointing: checkpointing)
    for slot in check.adapters.layout.slots {
      for part in [GradientCheck.Part.a, .b] {
        let found = try check.derivative(of: part, seed: 1) { $0 == slot }
        #expect(found.error < 5e-3, "layer \(slot.layer) \(slot.projection) \(part): \(found)")
      }
    }
  }

  @Test("Steps, places in a step and rates have masks of their own; none at rate 0")
  func masksDiffer() throws {
    let check = try GradientCheck(model(), batch(half), checkpointing: .recompute)
    func losses(_ dropout: Dropout?) -> [Float] {
      let batch = batch(dropout)
      check.model.forward(batch, adapters: check.adapters, check.workspace)
      return check.model.loss(batch, check.workspace)
    }
    let plain = losses(nil)
    #expect(losses(Dropout(rate: 0, seed: 3, step: 4, firstRow: 2)) == plain)
    let first = losses(half)
    #expect(first != plain && losses(half) == first)
    for other in [
      Dropout(rate: 0.5, seed: 3, step: 5, firstRow: 2),
      Dropout(rate: 0.5, seed: 4, step: 4, firstRow: 2),
      Dropout(rate: 0.5, seed: 3, step: 4, firstRow: 3),
      Dropout(rate: 0.25, seed: 3, step: 4, firstRow: 2),
    ] { #expect(losses(other) != first) }
  }

  @Test("The mean over many masks is the loss's neighbourhood: dropping is unbiased in the inputs")
  func isUnbiased() throws {
    let check = try GradientCheck(model(), batch(half), checkpointing: .recompute)
    func u(_ dropout: Dropout?) -> [Float] {
      let batch = batch(dropout)
      check.model.forward(batch, adapters: check.adapters, check.workspace)
      return check.workspace.block(0).u[Projection.query.rawValue]?.array() ?? []
    }
    let exact = u(nil)
    var mean = [Double](repeating: 0, count: exact.count)
    let count = 400
    for step in 0..<count {
      let found = u(Dropout(rate: 0.2, seed: 1, step: step, firstRow: 0))
      for index in mean.indices { mean[index] += Double(found[index]) / Double(count) }
    }
    let size = (exact.reduce(0) { $0 + Double($1 * $1) } / Double(exact.count)).squareRoot()
    let error = zip(mean, exact).reduce(0) { $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1)) }
    // One mask's relative error is about √(0.2 / 0.8) = 0.5, the mean's a twentieth of that.
    #expect((error / Double(exact.count)).squareRoot() < 0.08 * size)
  }
}
