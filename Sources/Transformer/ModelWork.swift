/// The work of a decoder, counted from its shapes: what the memory plan compares, the estimate of
/// a run is made from and the benchmarks divide by. It is counted here and nowhere else.
///
/// Products with weights and attention are counted; norms, rotary embedding, activations and the
/// softmax are not. Operations are floating-point operations: a multiply-add is two.
public struct ModelWork: Sendable, Equatable {
  /// What one layer does. Of experts those count that a token uses.
  public struct Layer: Sendable, Equatable {
    /// Weights that a token is multiplied with.
    public let weights: Int
    /// Those of q, k and v among them: the products with the block's normed input.
    public let inputWeights: Int
    /// Those of experts among them.
    public let expertWeights: Int
    /// Of a micro-batch's tokens the share that one expert sees, in the mean: used / count; 1 without experts.
    public let expertShare: Double
    /// Multiply-adds of one attention pair's scores in all heads: heads times the width of a key.
    public let keyWidth: Int
    /// Multiply-adds of one attention pair's share in the outputs of all heads: heads times the
    /// width of a value.
    public let valueWidth: Int
    /// How many tokens a token sees, itself included; nil = all before it.
    public let window: Int?
  }

  /// Floating-point operations by kind.
  public struct Operations: Sendable, Equatable {
    /// With weights of the model.
    public var products = 0.0
    public var attention = 0.0
    /// With the low-rank pairs.
    public var adapters = 0.0

    /// What a share of the peak is reported of: adapters are left out.
    public var counted: Double { products + attention }

    /// None.
    public init() {}

    static func += (left: inout Operations, right: Operations) {
      left.products += right.products
      left.attention += right.attention
      left.adapters += right.adapters
    }
  }

  /// By number, from 0.
  public let layers: [Layer]
  /// Weights that a token is multiplied with for its logits.
  public let headWeights: Int

  public init(_ configuration: ModelConfiguration) {
    let input = configuration.projections.filter {
      [.query, .queryKeyValue].contains($0.inputLeader)
    }
    .reduce(0) { sum, projection in
      let (out, `in`) = configuration.shape(of: projection)
      return sum + out * `in`
    }
    layers = configuration.layers.map { layer in
      Layer(
        weights: configuration.blockParameterCount, inputWeights: input,
        expertWeights: layer.experts.map { $0.used * 3 * configuration.width * $0.width } ?? 0,
        expertShare: layer.experts.map { Double($0.used) / Double($0.count) } ?? 1,
        keyWidth: configuration.queryWidth, valueWidth: configuration.attendedWidth,
        window: layer.attention.window)
    }
    headWeights = configuration.vocabularySize * configuration.width
  }

  // MARK: - Passes over the weights

  /// Weights that a token is multiplied with in all layers.
  public var weights: Int { layers.reduce(0) { $0 + $1.weights } }

  /// Weights of the layers that are run again before their backward: all but the last `keptLayers`
  /// (`Checkpointing`).
  public func recomputedWeights(keptLayers: Int) -> Int {
    layers.dropLast(keptLayers).reduce(0) { $0 + $1.weights }
  }

  /// What passes over the weights cost in training, in multiply-adds a token: a forward and a backward, and another forward
  /// in layers that are run again.
  ///
  /// - Parameters:
  ///   - keptLayers: layers, counted from the last, that are not run again.
  ///   - tokens: of a micro-batch. Every expert sees a share of them.
  ///   - overhead: the factor on a product of so many rows that is due to dequantizing its weight.
  public func passCost(
    keptLayers: Int, tokens: Double, overhead: (_ rows: Double) -> Double
  ) -> Double {
    let again = max(0, layers.count - keptLayers)
    return layers.enumerated().reduce(0) { sum, entry in
      let (number, layer) = entry
      let dense = Double(layer.weights - layer.expertWeights) * overhead(tokens)
      let experts = Double(layer.expertWeights) * overhead(tokens * layer.expertShare)
      return sum + (number < again ? 3 : 2) * (dense + experts)
    }
  }

  // MARK: - Training

  /// Operations of a step: `Layer.forward` and `Layer.backward` of all micro-batches and layers,
  /// the forward twice in layers that are run again; the head, forward and dX, for tokens with a
  /// target alone; and the adapters: u = A·x and B·u forward, v = Bᵀ·dy, Aᵀ·v, dA and dB backward,
  /// 6·rank·(in + out) a token.
  ///
  /// - Parameters:
  ///   - batches: the micro-batches of the step.
  ///   - layout: the adapters that are trained, A and B.
  ///   - keptLayers: layers, counted from the last, that are not run again before their backward.
  public func training(
    _ batches: [TokenBatch], _ layout: AdapterLayout, keptLayers: Int
  ) -> Operations {
    var sum = Operations()
    let firstKept = layers.count - min(keptLayers, layers.count)
    for batch in batches {
      for (number, layer) in layers.enumerated() {
        let forward = layer.forward(batch)
        sum += forward
        if number < firstKept { sum += forward }
        sum += layer.backward(batch, isFirst: number == 0)
      }
      sum.products += 4 * Double(headWeights) * Double(batch.targetCount)
      sum.adapters += layout.slots.reduce(0) {
        $0 + 6 * Double($1.rank * ($1.in + $1.out)) * Double(batch.tokenCount)
      }
    }
    return sum
  }

  // MARK: - Attention

  /// Pairs of a query and a key in one head of causal attention over a sequence.
  ///
  /// - Parameters:
  ///   - length: tokens of the sequence.
  ///   - window: how many tokens a token sees, itself included; nil = all before it.
  public static func attentionPairs(length: Int, window: Int? = nil) -> Int {
    let seen = min(window ?? length, length)
    return seen * (seen + 1) / 2 + (length - seen) * seen
  }
}

extension ModelWork.Layer {
  /// Attention pairs of a head in all sequences of `batch`.
  private func pairs(_ batch: TokenBatch) -> Double {
    zip(batch.starts, batch.starts.dropFirst()).reduce(0) { sum, sequence in
      sum
        + Double(
          ModelWork.attentionPairs(length: Int(sequence.1 - sequence.0), window: window))
    }
  }

  // MARK: - Forward

  /// One product with each weight; scores and weighted values of attention.
  public func forward(_ batch: TokenBatch) -> ModelWork.Operations {
    var sum = ModelWork.Operations()
    sum.products = 2 * Double(weights) * Double(batch.tokenCount)
    sum.attention = 2 * Double(keyWidth + valueWidth) * pairs(batch)
    return sum
  }

  // MARK: - Backward

  /// dX of each product, the model's weights being frozen; of attention the scores again, dQ, dK,
  /// dV and the gradient of the softmax's result.
  ///
  /// - Parameter isFirst: nothing learns below the first layer's norm: dX of its q, k and v is not
  ///   computed.
  public func backward(_ batch: TokenBatch, isFirst: Bool) -> ModelWork.Operations {
    var sum = ModelWork.Operations()
    let multiplied = isFirst ? weights - inputWeights : weights
    sum.products = 2 * Double(multiplied) * Double(batch.tokenCount)
    sum.attention = 2 * Double(3 * keyWidth + 2 * valueWidth) * pairs(batch)
    return sum
  }
}
