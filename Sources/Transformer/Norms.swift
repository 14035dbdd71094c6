internal import Tensors

// A norm with the weights of the file: root-mean-square without a bias, a layer norm with one.

extension NormWeights {
  // MARK: - Forward

  /// `y = norm(x)`, row by row.
  func apply(into y: Matrix, _ x: Matrix, epsilon: Float) {
    if let bias {
      layerNorm(into: y, x, weight: weight, bias: bias, epsilon: epsilon)
    } else {
      rmsNorm(into: y, x, weight: weight, epsilon: epsilon)
    }
  }

  // MARK: - Backward

  /// `dx += ` the gradient of `norm` at x, given `dy`; all float32 but x.
  func backward(into dx: Matrix, dy: Matrix, _ x: Matrix, epsilon: Float) {
    if bias != nil {
      layerNormBackward(into: dx, dy: dy, x, weight: weight, epsilon: epsilon)
    } else {
      rmsNormBackward(into: dx, dy: dy, x, weight: weight, epsilon: epsilon)
    }
  }
}
