import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// The backward of two whole blocks with adapters, against central differences of the loss.
@Suite
struct FiniteDifferenceTests {
  private func setUp(
    checkpointing: Checkpointing, tokens: Int
  ) throws -> (Model, AdapterSet, Workspace) {
    let model = try Model(
      SyntheticModel(
        layers: 2, width: 32, heads: 4, keyValueHeads: 2, feedForward: 64, vocabulary: 48,
        format: .q8_0, seed: 7
      ).file())
    let layout = AdapterLayout(
      model.configuration, rank: 3, alpha: 6, rankStabilized: true)
    let adapters = try AdapterSet(
      layout, layerCount: 2, storage: .float32, trainable: true)
    var state: UInt64 = 99
    func random() -> Float {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int64(bitPattern: state) >> 33) / Float(1 << 30) * 0.3
    }
    for slot in layout.slots {
      adapters.assign(
        slot, a: (0..<slot.rank * slot.in).map { _ in random() },
        bt: (0..<slot.rank * slot.out).map { _ in random() })
    }
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: tokens, storage: .float32, rank: 3, checkpointing: checkpointing, lossRows: 4))
    return (model, adapters, workspace)
  }

  private let batch = TokenBatch([
    TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7]),
    TokenSequence(ids: [3, 4, 40, 41, 2], targets: [-1, -1, 41, 2, 6]),
  ])

  private func lossOf(_ model: Model, _ adapters: AdapterSet, _ workspace: Workspace) -> Double {
    model.forward(batch, adapters: adapters, workspace)
    return model.loss(batch, workspace).reduce(0) { $0 + Double($1) } / Double(batch.targetCount)
  }

  @Test(arguments: [Checkpointing.keepProducts, .recompute])
  func everyAdapterGradientAgrees(checkpointing: Checkpointing) throws {
    let (model, adapters, workspace) = try setUp(
      checkpointing: checkpointing, tokens: batch.tokenCount)
    adapters.gradients?.clear()
    model.forward(batch, adapters: adapters, workspace)
    _ = model.loss(batch, workspace, gradientWeight: 1 / Float(batch.targetCount))
    model.backward(batch, adapters: adapters, workspace)

    for slot in adapters.layout.slots {
      let (a, bt) = adapters.values(slot)
      let gradient = try #require(adapters.gradientValues(of: slot))
      // Along the gradient's own direction the derivative is its norm.
      for isA in [true, false] {
        let g = isA ? gradient.a : gradient.bt
        let norm = g.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(norm > 1e-5, "\(slot.layer) \(slot.projection) has no gradient")
        let h: Float = 5e-3
        func shifted(_ sign: Float) -> Double {
          let step = g.map { $0 / Float(norm) * sign * h }
          adapters.assign(
            slot, a: isA ? zip(a, step).map(+) : a, bt: isA ? bt : zip(bt, step).map(+))
          return lossOf(model, adapters, workspace)
        }
        let derivative = (shifted(1) - shifted(-1)) / Double(2 * h)
        adapters.assign(slot, a: a, bt: bt)
        #expect(
          abs(derivative - norm) < 1e-2 * norm + 3e-4,
          "layer \(slot.layer) \(slot.projection) \(isA ? "A" : "B"): \(derivative), \(norm)")
      }
    }
  }

  @Test func packedSequencesDoNotSeeEachOther() throws {
    let (model, adapters, workspace) = try setUp(checkpointing: .recompute, tokens: 32)
    func losses(_ batch: TokenBatch) -> [Float] {
      model.forward(batch, adapters: adapters, workspace)
      return model.loss(batch, workspace)
    }
    let first = TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7])
    let second = TokenSequence(allTargets: [3, 4, 40, 41, 2])
    let together = losses(TokenBatch([first, second]))
    let apart = losses(TokenBatch([first])) + losses(TokenBatch([second]))
    #expect(together.count == apart.count)
    for (x, y) in zip(together, apart) { #expect(abs(x - y) < 1e-5) }
  }
}
