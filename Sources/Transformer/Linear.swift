public import Tensors

/// Receives what one linear layer's weight gradient is made of: `G = dyᵀ · x`.
///
/// LoRA-One's start collects these pairs; training does not need them.
public protocol LinearGradientSink {
  /// x [tokens, in] and dy [tokens, out] are valid only during the call.
  mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) throws
}

/// Ignores everything: training of adapters alone.
public struct NoGradientSink: LinearGradientSink {
  public init() {}
  public mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) {}
}

// A linear layer with a frozen quantized weight and, where there is one, an adapter.

// MARK: - Forward

/// `y = x · Wᵀ + u · Bᵀ` with `u = scale · x · Aᵀ` kept for the backward. `arithmetic` is that of `x · Wᵀ`.
func linear(
  into y: Matrix, _ x: Matrix, _ weight: QuantizedMatrix, _ adapter: AdapterPair?, u: Matrix?,
  accumulate: Bool = false, arithmetic: ProductArithmetic
) {
  guard let adapter, let u else {
    multiply(into: y, x, weight, accumulate: accumulate, arithmetic: arithmetic)
    return
  }
  project(into: u, x, adapter.a, scale: adapter.scale)
  multiply(
    into: y, x, weight, adapter: (u, adapter.bt), accumulate: accumulate, arithmetic: arithmetic)
}

/// One linear layer of several that share an input.
struct LinearOutput {
  let y: Matrix
  let weight: QuantizedMatrix
  let adapter: AdapterPair?
  let u: Matrix?
}

/// The same for several layers of one input.
///
/// - Parameters:
///   - roundsFew: whether a few tokens may be rounded to 8-bit integers (`multiplyFew`): for generation,
///     where reading the weights is most of the work.
///   - next: the weights of the call that follows, for `multiplyFew`.
func linear(
  into outputs: [LinearOutput], _ x: Matrix, accumulate: Bool = false,
  arithmetic: ProductArithmetic, roundsFew: Bool = false, next: [QuantizedMatrix] = []
) {
  guard roundsFew && x.rows <= FewProduct.mostTokens && x.type == .bfloat16 else {
    for output in outputs {
      linear(
        into: output.y, x, output.weight, output.adapter, u: output.u, accumulate: accumulate,
        arithmetic: arithmetic)
    }
    return
  }
  let products = outputs.map { output in
    guard let adapter = output.adapter, let u = output.u else {
      return FewProduct(into: output.y, output.weight)
    }
    project(into: u, x, adapter.a, scale: adapter.scale)
    return FewProduct(into: output.y, output.weight, adapter: (u, adapter.bt))
  }
  multiplyFew(products, x, accumulate: accumulate, next: next)
}

// MARK: - Backward

/// `dx = dy · W + v · A` with `v = scale · dy · B`; `dA += vᵀ · x`, `dBᵀ += uᵀ · dy`.
///
/// `dx` may be nil where nobody below learns. `v` is scratch [tokens, rank]. `rounding`: `dy · W` is computed in int8.
func linearBackward(
  into dx: Matrix?, dy: Matrix, _ x: Matrix, _ weight: QuantizedMatrix, _ adapter: AdapterPair?,
  _ gradient: AdapterGradient?, u: Matrix?, v: Matrix?, accumulate: Bool = false,
  rounding: RandomRounding?
) {
  guard let adapter, let u, let v else {
    if let dx {
      multiplyTransposed(into: dx, dy, weight, accumulate: accumulate, rounding: rounding)
    }
    return
  }
  project(into: v, dy, adapter.bt, scale: adapter.scale)
  if let gradient {
    if let a = gradient.a { projectGradient(into: a, v, x) }
    projectGradient(into: gradient.bt, u, dy)
  }
  if let dx {
    multiplyTransposed(
      into: dx, dy, weight, adapter: (v, adapter.a), accumulate: accumulate, rounding: rounding)
  }
}
