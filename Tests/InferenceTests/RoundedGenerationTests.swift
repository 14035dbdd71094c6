import Foundation
import Tensors
import TestSupport
import Testing
import Transformer

@testable import Inference

/// What rounding to 8-bit integers does to generated tokens of the real model.
@Suite(.serialized, .tags(.realModel), .enabled(if: TestFiles.hasRealModel))
struct RoundedGenerationTests {
  /// Kullback-Leibler divergence of the predictions from those of float32, nats a token: measured 0.0025, at most
  /// 0.005 (bfloat16 activations alone: 0.00015).
  private static let meanDivergence = 0.005
  private static let mostDivergence = 0.015

  private let text = """
    The history of the steam engine begins long before the railway. Water was pumped out of mines by machines that \
    wasted most of their heat, until James Watt gave them a separate condenser. Within a few decades
    """

  /// Natural logarithms of the probabilities of every token, after each of `ids` from `from` on; one token at a time.
  private func predictions(
    _ loaded: LoadedModel, _ ids: [Int32], from: Int, storage: ElementType, roundsFew: Bool
  ) throws -> [[Double]] {
    let configuration = loaded.model.configuration
    let cache = try KeyValueCache(
      configuration, slots: 1, capacity: ids.count, storage: storage)
    let workspace = try Workspace(
      configuration,
      WorkspaceShape(
        tokens: ids.count, storage: storage, rank: 0, checkpointing: nil, lossRows: 1))
    func extend(_ range: Range<Int>) {
      loaded.model.extend(
        ids: Array(ids[range]), slots: Array(repeating: 0, count: range.count),
        positions: range.map { Int32($0) }, adapters: nil, cache: cache, workspace,
        roundsFew: roundsFew)
    }
    extend(0..<from)
    return (from..<ids.count).map { index in
      extend(index..<index + 1)
      let logits = loaded.model.logits(rows: [0], workspace, roundsFew: roundsFew).array()
      let most = Double(logits.max() ?? 0)
      let sum = logits.reduce(0.0) { $0 + exp(Double($1) - most) }
      return logits.map { Double($0) - most - log(sum) }
    }
  }

  private func divergence(_ p: [Double], _ q: [Double]) -> Double {
    zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
  }

  @Test func predictionsStayThoseOfTheExactProduct() throws {
    let loaded = try LoadedModel(path: TestFiles.realModel)
    let ids = try loaded.tokens(text: text)
    let exact = try predictions(loaded, ids, from: 8, storage: .float32, roundsFew: false)
    let stored = try predictions(loaded, ids, from: 8, storage: .bfloat16, roundsFew: false)
    let rounded = try predictions(loaded, ids, from: 8, storage: .bfloat16, roundsFew: true)
    let divergences = zip(exact, rounded).map { divergence($0, $1) }
    let mean = divergences.reduce(0, +) / Double(divergences.count)
    #expect(mean <= RoundedGenerationTests.meanDivergence, "\(mean)")
    #expect((divergences.max() ?? 0) <= RoundedGenerationTests.mostDivergence)
    #expect(rounded != stored, "nothing was rounded")
    // Exactness is for the asking: float32 storage is never rounded.
    let asked = try predictions(loaded, ids, from: 8, storage: .float32, roundsFew: true)
    #expect(asked == exact)
  }
}
