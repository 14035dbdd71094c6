import Testing
import Transformer

@testable import FineTuning

@Suite struct InitializationLossTests {
  private func sequence(_ length: Int, targets: Int) -> TokenSequence {
    var sequence = TokenSequence(allTargets: (0..<length).map { Int32($0) })
    for index in sequence.targets.indices.dropFirst(targets) {
      sequence.targets[index] = TokenSequence.ignored
    }
    return sequence
  }

  @Test("Weights of the targets add up to one, alike for tokens, alike for sequences")
  func weightsAreMeans() {
    let batches = [
      TokenBatch([sequence(9, targets: 8), sequence(5, targets: 2)]),
      TokenBatch([sequence(4, targets: 0), sequence(7, targets: 5)]),
    ]
    #expect(InitializationLoss.tokens.weights(batches).joined().allSatisfy { $0 == 1 / 15 })
    let weights = InitializationLoss.perSequence.weights(batches)
    #expect(weights.map(\.count) == [14, 11])
    #expect(weights[0].prefix(9).allSatisfy { $0 == 1 / 24 })
    #expect(weights[0].suffix(5).allSatisfy { $0 == 1 / 6 })
    #expect(weights[1].prefix(4).allSatisfy { $0 == 0 })
    #expect(weights[1].suffix(7).allSatisfy { $0 == 1 / 15 })
  }

  @Test("Nothing to learn from has no weight")
  func emptyDataHasNoWeight() {
    for loss in InitializationLoss.allCases {
      #expect(loss.weights([]).isEmpty)
      let weights = loss.weights([TokenBatch([sequence(3, targets: 0)])])
      #expect(weights.joined().allSatisfy { $0.isFinite })
    }
  }
}
