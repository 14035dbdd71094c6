import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// Adapters on the experts of a tiny mixture: gradients against finite differences, and which experts they reach.
@Suite
struct ExpertAdapterTests {
  private let targets: [Projection] = [.query, .gateExperts, .upExperts, .downExperts]

  private let batch = TokenBatch([
    TokenSequence(allTargets: (0..<9).map { Int32(3 + 29 * $0 % 250) }),
    TokenSequence(ids: [3, 4, 40, 41, 2], targets: [-1, -1, 41, 2, 6]),
  ])

  private func setUp(
    _ checkpointing: Checkpointing
  ) throws -> (Model, AdapterSet, Workspace) {
    let model = try Model(TinyModels.file("qwen3moe"))
    let layout = AdapterLayout(
      model.configuration, rank: 3, alpha: 6, rankStabilized: true, targets: targets)
    let adapters = try AdapterSet(
      layout, layerCount: model.configuration.layerCount, storage: .float32, trainable: true)
    var random = SplitMix64(seed: 5)
    for slot in layout.slots {
      adapters.assign(
        slot, a: (0..<slot.rank * slot.in).map { _ in 0.2 * random.normal() },
        bt: (0..<slot.rank * slot.out).map { _ in 0.2 * random.normal() })
    }
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: batch.tokenCount, storage: .float32, rank: 3, checkpointing: checkpointing,
        lossRows: 4, adaptsExperts: true))
    return (model, adapters, workspace)
  }

  private func loss(_ model: Model, _ adapters: AdapterSet, _ workspace: Workspace) -> Double {
    model.forward(batch, adapters: adapters, workspace)
    return model.loss(batch, workspace).reduce(0) { $0 + Double($1) }
  }

  @Test("One pair for each expert and projection, side by side")
  func layoutHasAPairForEachExpert() throws {
    let (model, adapters, _) = try setUp(.keepProducts)
    let experts = try #require(model.configuration.experts)
    let layout = adapters.layout
    #expect(layout.adaptsExperts)
    #expect(layout.slots.count == model.configuration.layerCount * (1 + 3 * experts.count))
    for expert in 0..<experts.count {
      let slot = try #require(adapters.slot(layer: 1, .downExperts, expert: expert))
      #expect(slot.expert == expert && slot.in == experts.width && slot.out == 64)
      #expect(slot.name == "blk.1.ffn_down_exps.weight[\(expert)]")
    }
  }

  /// The directions are random, not along the gradient: a wrong part of it would show.
  @Test(arguments: [Checkpointing.keepProducts, .recompute])
  func gradientsAgreeWithFiniteDifferences(_ checkpointing: Checkpointing) throws {
    let (model, adapters, workspace) = try setUp(checkpointing)
    model.forward(batch, adapters: adapters, workspace)
    _ = model.loss(batch, workspace, gradientWeight: 1)
    model.backward(batch, adapters: adapters, workspace)
    for projection in targets {
      let slots = adapters.layout.slots.filter { $0.projection == projection }
      let start = slots.map { adapters.values($0) }
      var random = SplitMix64(seed: UInt64(projection.rawValue) + 17)
      let direction = slots.map { slot in
        (
          a: (0..<slot.rank * slot.in).map { _ in random.normal() },
          bt: (0..<slot.rank * slot.out).map { _ in random.normal() }
        )
      }
      var expected = 0.0
      for (slot, direction) in zip(slots, direction) {
        let gradient = try #require(adapters.gradientValues(of: slot))
        for (g, d) in zip(gradient.a + gradient.bt, direction.a + direction.bt) {
          expected += Double(g) * Double(d)
        }
      }
      let step: Float = 2e-4
      func at(_ factor: Float) -> Double {
        for ((slot, start), direction) in zip(zip(slots, start), direction) {
          adapters.assign(
            slot, a: zip(start.a, direction.a).map { $0 + factor * $1 },
            bt: zip(start.bt, direction.bt).map { $0 + factor * $1 })
        }
        return loss(model, adapters, workspace)
      }
      let found = (at(step) - at(-step)) / Double(2 * step)
      _ = at(0)
      #expect(
        abs(found - expected) < 0.01 * max(abs(expected), 1),
        "\(projection.shortName): \(found) against \(expected)")
    }
  }

  @Test("Experts that no token used have no gradient, the others have one on each side")
  func onlyUsedExpertsHaveGradients() throws {
    let (model, adapters, workspace) = try setUp(.keepProducts)
    model.forward(batch, adapters: adapters, workspace)
    _ = model.loss(batch, workspace, gradientWeight: 1)
    model.backward(batch, adapters: adapters, workspace)
    for slot in adapters.layout.slots where slot.projection.isExpert {
      let routing = try #require(workspace.routings[slot.layer]).routing
      let isUsed = routing.chosen.contains(slot.expert ?? -1)
      let gradient = try #require(adapters.gradientValues(of: slot))
      #expect(gradient.a.contains { $0 != 0 } == isUsed, "\(slot.name)")
      #expect(gradient.bt.contains { $0 != 0 } == isUsed, "\(slot.name)")
    }
  }
}
