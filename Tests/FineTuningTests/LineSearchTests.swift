import Foundation
import Testing

@testable import FineTuning

@Suite struct LineSearchTests {
  /// Runs a search over `loss` of the multiplier.
  private func search(base: Double = 1, _ loss: (Float) -> Double) -> LineSearch {
    var search = LineSearch(baseLoss: base, gamma: 128)
    while let multiplier = search.next { search.record(loss: loss(multiplier)) }
    return search
  }

  /// A bowl in the logarithm with its floor at `exponent`, below the base within `reach` of it.
  private func bowl(_ exponent: Double, reach: Double) -> (Float) -> Double {
    { multiplier in
      let distance = Foundation.log2(Double(multiplier)) - exponent
      return 0.5 + 0.5 * (distance * distance) / (reach * reach)
    }
  }

  @Test("The multiplier of least loss is found", arguments: [-5.0, -2, -1, 0, 1, 3, 4])
  func leastLossIsFound(exponent: Double) {
    let found = search(bowl(exponent, reach: 20))
    #expect(found.chosen == Float(Foundation.pow(2, exponent)))
    #expect(found.chosenLoss == 0.5)
    #expect(found.trials.count <= 11)
    #expect(found.trials.allSatisfy { $0.gamma == 128 / $0.multiplier })
  }

  @Test("Sizes end at 16 and 1/64 of the normalized start")
  func sizesAreLimited() {
    #expect(search(bowl(9, reach: 20)).chosen == 16)
    #expect(search(bowl(-9, reach: 20)).chosen == 0.015625)
  }

  @Test("A start that is too large by far is made smaller until it beats the base")
  func largeStartsShrink() {
    let found = search(bowl(-5, reach: 2))
    #expect(found.chosen == 0.03125 && found.chosenLoss < 1)
  }

  @Test("Where nothing beats the base, or the loss is not a number, there is no start")
  func nothingIsWorseThanTheBase() {
    for loss in [1.0, 2, .infinity, .nan] {
      let found = search { _ in loss }
      #expect(found.chosen == 0 && found.chosenLoss == 1)
    }
  }

  @Test("Whatever the losses are, the choice is the least of those seen, and never above the base")
  func choiceIsTheLeastSeen() {
    var state: UInt64 = 7
    for _ in 0..<200 {
      let found = search { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 40) / Double(1 << 24) * 2
      }
      let least = found.trials.map(\.loss).min() ?? 0
      #expect(found.chosenLoss == min(least, 1))
      let chosen = found.trials.first { $0.multiplier == found.chosen }?.loss
      #expect(chosen == (least < 1 ? least : nil))
    }
  }
}
