public import Tensors

/// AdamW with its state, on split-float32 adapters (Loshchilov & Hutter, arXiv 1711.05101): bias-corrected moments in float32, weight
/// decay decoupled from the gradient.
///
///     m ← β₁m + (1−β₁)g      v ← β₂v + (1−β₂)g²
///     p ← p − η·(m̂/(√v̂ + ε) + λp)
public struct AdamWOptimizer {
  /// Updates made so far.
  public private(set) var stepCount = 0

  /// Optimizer state per parameter: two float32 moments.
  public static let bytesPerParameter = 8

  private let rule: AdamW
  private let moments: Arena
  private let first: Matrix
  private let second: Matrix

  /// Moments of zero for `count` parameters. Throws `TensorError.outOfMemory`.
  public init(count: Int, weightDecay: Float) throws(TensorError) {
    rule = AdamW(weightDecay: weightDecay)
    moments = try Arena(
      "optimizer state", byteCount: 2 * Arena.size(rows: 1, columns: count, type: .float32))
    first = moments.allocate(rows: 1, columns: count, type: .float32)
    second = moments.allocate(rows: 1, columns: count, type: .float32)
  }

  /// One update of `parameters` by `gradientScale · gradients` (flat, of the same length).
  public mutating func update(
    _ parameters: SplitParameters, gradients: Matrix, gradientScale: Float, learningRate: Float
  ) {
    stepCount += 1
    rule.update(
      parameters, first: first, second: second, gradient: gradients,
      gradientScale: gradientScale, learningRate: learningRate, step: stepCount)
  }
}
