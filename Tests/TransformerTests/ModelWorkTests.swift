import TestSupport
import Testing

@testable import Transformer

/// Operations counted by hand for a model small enough: 2 layers, width 32, 4 heads of 8 and 2 for
/// keys and values, feed-forward 64, vocabulary 64; sequences of 3 and 2 tokens.
@Suite struct ModelWorkTests {
  private let batches = [
    TokenBatch([TokenSequence(allTargets: [1, 2, 3])]),
    TokenBatch([TokenSequence(allTargets: [4, 5])]),
  ]

  private func training(recomputedLayers: Int) throws -> ModelWork.Operations {
    let configuration = try ModelConfiguration(try SyntheticModel().file())
    let layout = AdapterLayout(configuration, rank: 1, alpha: 1, rankStabilized: true)
    return ModelWork(configuration).training(
      batches, layout, keptLayers: configuration.layerCount - recomputedLayers)
  }

  @Test func productsAreForwardAndInputGradients() throws {
    // A block: q, o 1024 each, k, v 512 each, gate, up, down 2048 each: 9216. The first block's q,
    // k, v have no dX.
    let blocks = 2.0 * 5 * (2 * 2 * 9216 - 2048)
    // Three tokens have a target; head forward and dX.
    let head = 3.0 * 4 * 64 * 32
    #expect(try training(recomputedLayers: 0).products == blocks + head)
    #expect(try training(recomputedLayers: 2).products == blocks + head + 2 * 5 * 2 * 9216)
  }

  @Test func attentionIsHalfASquare() throws {
    // 6 + 3 pairs, 2 layers, width 32: two products forward, five backward, two more where a block
    // is run again.
    let product = 2.0 * 32 * 9 * 2
    #expect(try training(recomputedLayers: 0).attention == 7 * product)
    #expect(try training(recomputedLayers: 1).attention == 8 * product)
    #expect(try training(recomputedLayers: 2).attention == 9 * product)
  }

  @Test func adaptersAreSixThinProducts() throws {
    // in + out of the seven projections: 64 + 48 + 48 + 64 + 3 · 96 = 512.
    #expect(try training(recomputedLayers: 0).adapters == 6 * 2 * 512 * 5)
  }

  @Test func passesCountTheWeightsOfTheFirstLayers() throws {
    let work = ModelWork(try ModelConfiguration(try SyntheticModel().file()))
    #expect(work.weights == 2 * 9216)
    #expect(work.headWeights == 64 * 32)
    #expect([0, 1, 2].map { work.recomputedWeights(keptLayers: $0) } == [2 * 9216, 9216, 0])
    #expect(work.recomputedWeights(keptLayers: Checkpointing.keepProducts.keptLayers) == 0)
  }

  @Test func aWindowHidesTheTokensBeforeIt() {
    for length in 0...9 {
      for window in 1...11 {
        // Query i sees key j when 0 ≤ i − j < window.
        let seen = (0..<length).flatMap { i in (0...i).filter { i - $0 < window } }
        #expect(ModelWork.attentionPairs(length: length, window: window) == seen.count)
      }
      #expect(ModelWork.attentionPairs(length: length) == length * (length + 1) / 2)
    }
  }

  @Test func keysAndValuesOfDifferentWidthsAreCountedApart() {
    let layer = ModelWork.Layer(
      weights: 0, inputWeights: 0, expertWeights: 0, expertShare: 1, keyWidth: 5, valueWidth: 7,
      window: 2)
    // 1 + 2 + 2 pairs and 1 + 2: eight.
    let pairs = batches.map { layer.forward($0).attention }.reduce(0, +)
    #expect(pairs == 2 * (5 + 7) * 8)
    // Scores again, dQ and dK are as wide as keys; dV and the softmax's gradient as values.
    let back = batches.map { layer.backward($0, isFirst: false).attention }.reduce(0, +)
    #expect(back == 2 * (3 * 5 + 2 * 7) * 8)
  }

  @Test("A pass costs its weights; an expert's product has its share of the tokens as rows")
  func passesCostWhatTheirRowsMake() throws {
    let dense = ModelWork(try ModelConfiguration(try SyntheticModel().file()))
    // Three passes over a layer that is run again, two over the other.
    #expect(dense.passCost(keptLayers: 1, tokens: 10) { $0 / 10 } == 5 * 9216)
    #expect(dense.passCost(keptLayers: .max, tokens: 10) { _ in 1 } == 4 * 9216)

    var model = SyntheticModel(format: .q8_0)
    model.experts = .init(count: 8, used: 2)
    let work = ModelWork(try ModelConfiguration(try model.file()))
    // q, o, k, v as above, a router of 8 · 32, and two experts of 3 · 2048.
    let (attention, router, experts) = (3072.0, 256.0, 2.0 * 3 * 2048)
    #expect(work.weights == Int(2 * (attention + router + experts)))
    #expect(work.layers[0].expertShare == 0.25)
    let cost = work.passCost(keptLayers: 2, tokens: 40) { rows in rows }
    #expect(cost == 4 * (40 * (attention + router) + 10 * experts))
  }
}
