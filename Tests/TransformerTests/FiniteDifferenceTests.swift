import TestSupport
import Testing

@testable import Transformer

/// The backward of two whole blocks with adapters, against differences of the loss.
@Suite
struct FiniteDifferenceTests {
  private func model() throws -> Model {
    try Model(
      SyntheticModel(
        layers: 2, width: 32, heads: 4, keyValueHeads: 2, feedForward: 64, vocabulary: 48,
        format: .q8_0, seed: 7
      ).file())
  }

  private let first = TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7])
  private let second = TokenSequence(ids: [3, 4, 40, 41, 2], targets: [-1, -1, 41, 2, 6])

  @Test(arguments: [Checkpointing.keepProducts, .recompute])
  func everyAdapterGradientAgrees(checkpointing: Checkpointing) throws {
    let check = try GradientCheck(
      model(), TokenBatch([first, second]), checkpointing: checkpointing)
    for slot in check.adapters.layout.slots {
      for part in [GradientCheck.Part.a, .b] {
        let found = try check.derivative(of: part, seed: 1) { $0 == slot }
        #expect(
          found.error < 5e-3, "layer \(slot.layer) \(slot.projection) \(part): \(found)")
      }
    }
  }

  @Test("A sequence has the same loss alone and packed among any others", arguments: 0..<6)
  func packingChangesNoLoss(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let sequences = (0..<7).map { _ -> TokenSequence in
      let ids = (0..<Int(random.next() % 11 + 2)).map { _ in Int32(random.next() % 48) }
      let prompt = Int(random.next() % UInt64(ids.count))
      let targets = ids.indices.map {
        $0 < prompt || $0 + 1 == ids.count ? TokenSequence.ignored : ids[$0 + 1]
      }
      return TokenSequence(ids: ids, targets: targets)
    }
    let check = try GradientCheck(
      model(), TokenBatch(sequences + [first]), checkpointing: .recompute)
    func losses(_ batch: TokenBatch) -> [Float] {
      check.model.forward(batch, adapters: check.adapters, check.workspace)
      return check.model.loss(batch, check.workspace)
    }
    let packed = losses(TokenBatch(sequences))
    let alone = sequences.flatMap { $0.targetCount > 0 ? losses(TokenBatch([$0])) : [] }
    #expect(packed.count == alone.count && packed.count > 0)
    for (x, y) in zip(packed, alone) { #expect(abs(x - y) < 1e-5) }
  }

  @Test func packedSequencesDoNotSeeEachOther() throws {
    let check = try GradientCheck(
      model(), TokenBatch([first, second]), checkpointing: .recompute)
    func losses(_ batch: TokenBatch) -> [Float] {
      check.model.forward(batch, adapters: check.adapters, check.workspace)
      return check.model.loss(batch, check.workspace)
    }
    let together = losses(TokenBatch([first, second]))
    let apart = losses(TokenBatch([first])) + losses(TokenBatch([second]))
    #expect(together.count == apart.count)
    for (x, y) in zip(together, apart) { #expect(abs(x - y) < 1e-5) }
  }
}
