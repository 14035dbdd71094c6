internal import CKernels

// The operations between the products; forward and backward side by side. Each checks shapes, then calls
// one C driver of the same name in CSupport/CKernels.

// MARK: - Root-mean-square normalization

/// `y = x / sqrt(mean(x²) + epsilon) · weight`, row by row; `weight` has one value a column.
public func rmsNorm(into y: Matrix, _ x: Matrix, weight: [Float], epsilon: Float) {
  precondition(y.rows == x.rows && y.columns == x.columns && weight.count == x.columns)
  unsafe ck_rms_norm(
    y.pointer, y.type.code, x.pointer, x.type.code, weight, epsilon,
    Int64(x.rows), Int64(x.columns))
}

/// `dx += ` the gradient of `rmsNorm` at `x`, given `dy`; `dx` and `dy` are float32.
public func rmsNormBackward(
  into dx: Matrix, dy: Matrix, _ x: Matrix, weight: [Float], epsilon: Float
) {
  precondition(dx.rows == x.rows && dx.columns == x.columns && dy.count == x.count)
  precondition(weight.count == x.columns)
  unsafe ck_rms_norm_backward(
    dx.floats, dy.floats, x.pointer, x.type.code, weight, epsilon,
    Int64(x.rows), Int64(x.columns))
}

// MARK: - Rotary embedding

/// Rotates `x [tokens, heads · size]` in place by `positions[token] · frequencies[pair]`.
///
/// `interleaved` pairs neighbours (2i, 2i+1), as llama-architecture GGUFs are laid out; else (i, i + size/2).
/// `inverse` rotates back, which is the backward.
public func rotate(
  _ x: Matrix, positions: [Int32], frequencies: [Float], interleaved: Bool, inverse: Bool = false
) {
  let size = frequencies.count * 2
  precondition(positions.count == x.rows && size > 0 && size <= 1024 && x.columns % size == 0)
  unsafe ck_rope(
    x.pointer, x.type.code, positions, frequencies, interleaved ? 1 : 0, inverse ? 1 : 0,
    Int64(x.rows), Int64(x.columns / size), Int64(size))
}

// MARK: - SwiGLU

/// `a = silu(gate) · up`, element by element.
public func swiglu(into a: Matrix, gate: Matrix, up: Matrix) {
  precondition(a.count == gate.count && gate.count == up.count)
  precondition(a.type == gate.type && gate.type == up.type)
  unsafe ck_swiglu(a.pointer, gate.pointer, up.pointer, a.type.code, Int64(a.count))
}

/// Gradients of `swiglu`; `dgate` may be `gate` itself and `dup` may be `up` itself.
public func swigluBackward(
  dgate: Matrix, dup: Matrix, da: Matrix, gate: Matrix, up: Matrix
) {
  precondition(da.count == gate.count && gate.count == up.count)
  precondition(dgate.count == gate.count && dup.count == up.count)
  precondition(
    dgate.type == gate.type && dup.type == gate.type && da.type == gate.type
      && up.type == gate.type)
  unsafe ck_swiglu_backward(
    dgate.pointer, dup.pointer, da.pointer, gate.pointer, up.pointer, da.type.code,
    Int64(da.count))
}
