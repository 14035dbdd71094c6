internal import CKernels

// Normalization by rows, forward and backward. Weights and biases are frozen. To normalize heads
// apart, hand over `x.reshaped(rows: tokens · heads, columns: size)`.

// MARK: - Root mean square

/// `y = factor · x / sqrt(mean(x²) + epsilon) · weight`, row by row; `weight` has one value a
/// column.
///
/// - Parameter accumulate: adds that to `y`, which is float32 then: for a norm between a layer and
///   the residual stream.
public func rmsNorm(
  into y: Matrix, _ x: Matrix, weight: [Float], epsilon: Float, accumulate: Bool = false,
  factor: Float = 1
) {
  precondition(y.rows == x.rows && y.columns == x.columns && weight.count == x.columns)
  precondition(!accumulate || y.type == .float32)
  unsafe ck_rms_norm(
    y.pointer, y.type.code, accumulate ? 1 : 0, x.pointer, x.type.code, weight, epsilon, factor,
    Int64(x.rows), Int64(x.columns))
}

/// The gradient of `rmsNorm` at `x`, given `factor · dy`: added to `dx`, which is float32, or
/// written to it, in its type.
///
/// Where it is written, `dx` may be `dy` itself.
public func rmsNormBackward(
  into dx: Matrix, dy: Matrix, _ x: Matrix, weight: [Float], epsilon: Float,
  accumulate: Bool = true, factor: Float = 1
) {
  checkBackward(dx, dy, x, weight, accumulate)
  unsafe ck_rms_norm_backward(
    dx.pointer, dx.type.code, accumulate ? 1 : 0, dy.pointer, dy.type.code, x.pointer,
    x.type.code, weight, epsilon, factor, Int64(x.rows), Int64(x.columns))
}

// MARK: - Layer

/// `y = (x - mean(x)) / sqrt(variance(x) + epsilon) · weight + bias`, row by row; `weight` and
/// `bias` have one value a column.
public func layerNorm(
  into y: Matrix, _ x: Matrix, weight: [Float], bias: [Float], epsilon: Float
) {
  precondition(y.rows == x.rows && y.columns == x.columns)
  precondition(weight.count == x.columns && bias.count == x.columns)
  unsafe ck_layer_norm(
    y.pointer, y.type.code, x.pointer, x.type.code, weight, bias, epsilon, Int64(x.rows),
    Int64(x.columns))
}

/// The gradient of `layerNorm` at `x`, given `factor · dy`: added to `dx`, which is float32, or
/// written to it, in its type.
///
/// Where it is written, `dx` may be `dy` itself.
public func layerNormBackward(
  into dx: Matrix, dy: Matrix, _ x: Matrix, weight: [Float], epsilon: Float,
  accumulate: Bool = true, factor: Float = 1
) {
  checkBackward(dx, dy, x, weight, accumulate)
  unsafe ck_layer_norm_backward(
    dx.pointer, dx.type.code, accumulate ? 1 : 0, dy.pointer, dy.type.code, x.pointer,
    x.type.code, weight, epsilon, factor, Int64(x.rows), Int64(x.columns))
}

private func checkBackward(
  _ dx: Matrix, _ dy: Matrix, _ x: Matrix, _ weight: [Float], _ accumulate: Bool
) {
  precondition(dx.rows == x.rows && dx.columns == x.columns && dy.count == x.count)
  precondition(weight.count == x.columns && (!accumulate || dx.type == .float32))
}
