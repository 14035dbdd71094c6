import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// A model that computes the products with its weights in int8, forward and backward.
@Suite
struct Int8TrainingTests {
  private let batch = TokenBatch([
    TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7]),
    TokenSequence(allTargets: [3, 4, 40, 41, 2]),
  ])

  /// Losses and the adapters' gradients.
  private func run(
    _ arithmetic: ProductArithmetic, _ checkpointing: Checkpointing, step: Int = 0
  ) throws -> (losses: [Float], gradients: [Float]) {
    var model = try Model(
      SyntheticModel(
        layers: 2, width: 64, heads: 4, keyValueHeads: 2, feedForward: 160, vocabulary: 48,
        format: .q8_0, headScale: 4, seed: 7
      ).file())
    model.arithmetic = arithmetic
    let layout = AdapterLayout(model.configuration, rank: 3, alpha: 6, rankStabilized: true)
    let adapters = try AdapterSet(layout, layerCount: 2, storage: .float32, trainable: true)
    var generator = RandomGenerator(seed: 3)
    for slot in layout.slots {
      adapters.assign(
        slot, a: generator.gaussians(slot.rank * slot.in, deviation: 0.1),
        bt: generator.gaussians(slot.rank * slot.out, deviation: 0.1))
    }
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: batch.tokenCount, storage: .float32, rank: 3, checkpointing: checkpointing))
    var batch = batch
    batch.rounding = GradientRounding(seed: 1, step: step, firstRow: 0)
    adapters.gradients?.clear()
    model.forward(batch, adapters: adapters, workspace)
    let losses = model.loss(batch, workspace, gradientWeight: 1)
    model.backward(batch, adapters: adapters, workspace)
    return (losses, adapters.gradients?.array() ?? [])
  }

  @Test func lossesAndGradientsAreCloseToTheExactOnes() throws {
    let exact = try run(.activations, .keepProducts)
    let rounded = try run(.int8, .keepProducts)
    #expect(rounded.losses != exact.losses)
    for (loss, expected) in zip(rounded.losses, exact.losses) {
      #expect(abs(loss - expected) < 0.05 * max(expected, 1))
    }
    let norm = exact.gradients.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let error = distance(rounded.gradients, exact.gradients) / norm
    #expect(error > 1e-4 && error < 0.05, "\(error)")
  }

  @Test func recomputationRoundsAsTheForwardDid() throws {
    let kept = try run(.int8, .keepProducts).gradients
    let recomputed = try run(.int8, .recompute).gradients
    let isEqual = kept == recomputed && kept.contains { $0 != 0 }
    #expect(isEqual)
  }

  @Test func aStepDrawsWhatItDrewBeforeAndAnotherStepSomethingElse() throws {
    let first = try run(.int8, .keepProducts, step: 3)
    let again = try run(.int8, .keepProducts, step: 3)
    let next = try run(.int8, .keepProducts, step: 4)
    #expect(first.gradients == again.gradients)
    #expect(first.losses == next.losses)
    #expect(first.gradients != next.gradients)
  }

  /// What rounding gradients adds is independent from step to step: it falls with the square root of their number.
  @Test func theErrorOfGradientsAveragesOutOverSteps() throws {
    let count = 64
    let all = try (0..<2 * count).map { try run(.int8, .keepProducts, step: $0).gradients }
    func mean(_ gradients: ArraySlice<[Float]>) -> [Float] {
      var sum = [Float](repeating: 0, count: gradients.first?.count ?? 0)
      for values in gradients { for i in values.indices { sum[i] += values[i] } }
      return sum.map { $0 / Float(gradients.count) }
    }
    let single = distance(all[0], all[1])
    let averaged = distance(mean(all[..<count]), mean(all[count...]))
    #expect(averaged < 1.5 * single / Float(count).squareRoot(), "\(averaged) of \(single)")
    let exact = try run(.activations, .keepProducts).gradients
    let error = all.map { distance($0, exact) }.reduce(0, +) / Float(all.count)
    #expect(distance(mean(all[...]), exact) < error)
  }

  private func distance(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  }
}
