import Tensors
import Transformer

/// Floating-point operations of a training step, counted from the model's shapes (a multiply-add is two).
///
/// `recomputedLayers` blocks are run again before their backward.
///
/// - products: 2·N a token forward and again for dX, N the parameters in matrix products of the blocks, and 2·N more where
///   blocks are run again before their backward; the head (2·vocabulary·width, forward and dX) for tokens with a target
///   alone. Nothing learns below the first block's norm: its dX of q, k and v is not computed and not counted.
/// - attention: causal, so half of a square: L(L+1)/2 pairs a head and sequence, two products forward, five backward.
/// - adapters: u, u·Bᵀ forward; v, v·A, dA, dB backward: 6·r·(in + out) a token.
struct TrainingWork {
  var products = 0.0
  var attention = 0.0
  var adapters = 0.0

  /// What a share of the peak is reported of: adapters are left out.
  var counted: Double { products + attention }

  init(
    _ configuration: ModelConfiguration, _ layout: AdapterLayout, batches: [TokenBatch],
    recomputedLayers: Int
  ) {
    let tokens = Double(batches.reduce(0) { $0 + $1.tokenCount })
    let targets = Double(batches.reduce(0) { $0 + $1.targetCount })
    let layers = Double(configuration.layerCount)
    let parameters = layers * Double(configuration.blockParameterCount)
    let head = Double(configuration.vocabularySize * configuration.width)
    let first = Double(
      (configuration.queryWidth + 2 * configuration.keyValueWidth) * configuration.width)
    let again = Double(recomputedLayers * configuration.blockParameterCount)
    products += 2 * tokens * (parameters + parameters - first + again)
    products += 4 * targets * head
    var pairs = 0.0
    for batch in batches {
      for (start, end) in zip(batch.starts, batch.starts.dropFirst()) {
        let length = Double(end - start)
        pairs += length * (length + 1) / 2
      }
    }
    let product = 2 * Double(configuration.queryWidth) * pairs
    attention = product * ((2 + 5) * layers + 2 * Double(recomputedLayers))
    adapters = layout.slots.reduce(0) {
      $0 + 6 * Double($1.rank * ($1.in + $1.out)) * tokens
    }
  }
}
