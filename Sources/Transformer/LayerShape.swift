public import Tensors

/// The steps of one block, and their constants: what `Block` runs, forward and backward.
public struct LayerShape: Sendable, Equatable {
  /// Heads, their sizes, the scale of a score, window and soft cap.
  public var attention: AttentionShape
  /// nil: this layer does not rotate queries and keys.
  public var rotary: RotaryTable?
  /// Takes the place of `rotary` in a run whose sequences may be longer than the model's original context.
  public var longRotary: RotaryTable?
  /// A norm before attention and before the feed-forward part.
  public var normsBefore = true
  /// A norm on what attention and the feed-forward part add to the residual stream.
  public var normsAfter = false
  /// A root-mean-square norm on queries and keys, before the rotation.
  public var queryKeyNorm: QueryKeyNorm?
  /// A factor on queries that grows with the position.
  public var temperature: QueryTemperature?
  public var activation = Activation.silu
  /// On what attention and the feed-forward part add to the residual stream.
  public var residualScale: Float = 1
  /// Projections whose output has a bias in this layer.
  public var biases: Set<Projection> = []
  /// nil: one dense feed-forward part.
  public var experts: ExpertShape?

  public init(attention: AttentionShape, rotary: RotaryTable?) {
    self.attention = attention
    self.rotary = rotary
  }

  /// Whether what a sublayer adds must be held before it is added.
  var holdsSublayerOutput: Bool { normsAfter || residualScale != 1 }
}

/// What a norm on queries and keys is taken over.
public enum QueryKeyNorm: Sendable, Hashable {
  /// The values of each head, one weight [head size] for all heads.
  case head
  /// All heads of a token at once, a weight [heads · head size].
  case row
}

/// `1 + scale · ln(1 + ⌊position / originalContext⌋)` on the queries, after the rotation (Llama 4, Ministral 3).
public struct QueryTemperature: Sendable, Hashable {
  public var scale: Float
  public var originalContext: Int

  public init(scale: Float, originalContext: Int) {
    self.scale = scale
    self.originalContext = originalContext
  }
}

/// A feed-forward part of experts, of which each token uses a few.
public struct ExpertShape: Sendable, Hashable {
  /// Experts in a layer.
  public var count: Int
  /// Experts that a token uses: those with the largest logits of the router.
  public var used: Int
  /// Width inside each expert.
  public var width: Int

  public init(count: Int, used: Int, width: Int) {
    self.count = count
    self.used = used
    self.width = width
  }
}

/// How rows are normalized.
public enum Normalization: Sendable, Hashable {
  /// x / √(mean x² + ε) · w
  case rootMeanSquare
  /// (x − mean) / √(variance + ε) · w + b
  case layer
}
