import TestSupport
import Testing
import Transformer

@testable import scion_bench

/// Operations counted by hand for a model small enough: 2 layers, width 32, 4 heads of 8 and 2 for keys and values,
/// feed-forward 64, vocabulary 64; sequences of 3 and 2 tokens.
@Suite struct TrainingWorkTests {
  private func work(recomputedLayers: Int) throws -> TrainingWork {
    let configuration = try ModelConfiguration(try SyntheticModel().file())
    let batches = [
      TokenBatch([TokenSequence(allTargets: [1, 2, 3])]),
      TokenBatch([TokenSequence(allTargets: [4, 5])]),
    ]
    let layout = AdapterLayout(configuration, rank: 1, alpha: 1, rankStabilized: true)
    return TrainingWork(configuration, layout, batches: batches, recomputedLayers: recomputedLayers)
  }

  @Test func productsAreForwardAndInputGradients() throws {
    // A block: q, o 1024 each, k, v 512 each, gate, up, down 2048 each: 9216. The first block's q, k, v have no dX.
    let blocks = 2.0 * 5 * (2 * 2 * 9216 - 2048)
    // Three tokens have a target; head forward and dX.
    let head = 3.0 * 4 * 64 * 32
    #expect(try work(recomputedLayers: 0).products == blocks + head)
    #expect(try work(recomputedLayers: 2).products == blocks + head + 2 * 5 * 2 * 9216)
  }

  @Test func attentionIsHalfASquare() throws {
    // 6 + 3 pairs, 2 layers, width 32: two products forward, five backward, two more where a block is run again.
    let product = 2.0 * 32 * 9 * 2
    #expect(try work(recomputedLayers: 0).attention == 7 * product)
    #expect(try work(recomputedLayers: 1).attention == 8 * product)
    #expect(try work(recomputedLayers: 2).attention == 9 * product)
  }

  @Test func adaptersAreSixThinProducts() throws {
    // in + out of the seven projections: 64 + 48 + 48 + 64 + 3 · 96 = 512.
    #expect(try work(recomputedLayers: 0).adapters == 6 * 2 * 512 * 5)
  }
}
