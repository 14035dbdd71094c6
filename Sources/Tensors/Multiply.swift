internal import CKernels

// The products. Each checks shapes, then calls C (CSupport/CKernels/multiply.c, project.c).

/// What a product of activations and weights is computed in.
public enum ProductArithmetic: Sendable, Hashable {
  /// The activations' own type: float32, or the bfloat16 dot product where the processor has one.
  case activations
  /// Both sides rounded to 8-bit integers with a float32 scale for each 128 neighbours: a relative error of
  /// about 0.009, and the integer dot product of the processor. Output gradients are rounded at random (`RandomRounding`),
  /// which adds a little to the error of each value and takes away that of their sums.
  case int8

  /// Bytes of scratch that a product whose left side is `tokens` rows of `columns` values keeps for the calling thread beside
  /// what every product has: for the memory plan.
  public func scratchByteCount(tokens: Int, columns: Int) -> Int {
    self == .int8 ? Int(ck_int8_scratch_bytes(Int64(tokens), Int64(columns))) : 0
  }
}

/// Draws for rounding up or down at random so that the mean is kept: what value i of row t draws follows from
/// `key`, `firstRow` + t and i alone.
public struct RandomRounding: Sendable, Equatable {
  public var key: UInt64
  public var firstRow: Int

  public init(key: UInt64, firstRow: Int = 0) {
    self.key = key
    self.firstRow = firstRow
  }
}

/// `y [tokens, out] = x [tokens, in] · wᵀ + u [tokens, rank] · bt [rank, out]`, or `y +=` that.
///
/// The adapter's part is one more block of the same sum, in the activations' type whatever the arithmetic.
/// `x`, `u`, `bt` share a type; `accumulate` needs a float32 `y`. One to four tokens are never computed in int8.
public func multiply(
  into y: Matrix, _ x: Matrix, _ w: QuantizedMatrix,
  adapter: (u: Matrix, bt: Matrix)? = nil, accumulate: Bool = false,
  arithmetic: ProductArithmetic = .activations
) {
  precondition(x.columns == w.columns && y.columns == w.rows && x.rows == y.rows)
  precondition(!accumulate || y.type == .float32)
  if let (u, bt) = adapter {
    precondition(u.rows == x.rows && u.columns == bt.rows && bt.columns == w.rows)
    precondition(u.type == x.type && bt.type == x.type)
  }
  guard x.rows > 0 else { return }
  var arguments = unsafe productArguments(y, x, w, (adapter?.u, adapter?.bt), accumulate)
  unsafe arithmetic == .int8 ? ck_multiply_int8(&arguments) : ck_multiply(&arguments)
}

/// `dx [tokens, in] = dy [tokens, out] · w + v [tokens, rank] · a [rank, in]`, or `dx +=` that: the
/// gradient of `multiply` with respect to its input.
///
/// - Parameter rounding: computes `dy · w` in int8, `dy` rounded by these draws; nil: in the activations' type. One to four
///   tokens are never computed in int8.
public func multiplyTransposed(
  into dx: Matrix, _ dy: Matrix, _ w: QuantizedMatrix,
  adapter: (v: Matrix, a: Matrix)? = nil, accumulate: Bool = false,
  rounding: RandomRounding? = nil
) {
  precondition(dy.columns == w.rows && dx.columns == w.columns && dx.rows == dy.rows)
  precondition(!accumulate || dx.type == .float32)
  if let (v, a) = adapter {
    precondition(v.rows == dy.rows && v.columns == a.rows && a.columns == w.columns)
    precondition(v.type == dy.type && a.type == dy.type)
  }
  guard dy.rows > 0 else { return }
  var arguments = unsafe productArguments(dx, dy, w, (adapter?.v, adapter?.a), accumulate)
  if let rounding {
    unsafe ck_multiply_transposed_int8(&arguments, rounding.key, Int64(rounding.firstRow))
  } else {
    unsafe ck_multiply_transposed(&arguments)
  }
}

/// What C takes of a product whose shapes have been checked; `u [tokens, rank]`, `b [rank, columns of y]`.
func productArguments(
  _ y: Matrix, _ x: Matrix, _ w: QuantizedMatrix, _ adapter: (u: Matrix?, b: Matrix?),
  _ accumulate: Bool
) -> ck_product_arguments {
  unsafe ck_product_arguments(
    y: y.pointer, x: x.pointer, w: w.pointer, u: adapter.u?.pointer, b: adapter.b?.pointer,
    tokens: Int64(x.rows), out: Int64(w.rows), in: Int64(w.columns),
    rank: Int64(adapter.b?.rows ?? 0), y_type: y.type.code, x_type: x.type.code,
    w_format: w.format.code, accumulate: accumulate ? 1 : 0)
}

/// `y [tokens, k] = v [tokens, rank] · a [rank, k]`, all of one type.
public func expand(into y: Matrix, _ v: Matrix, _ a: Matrix) {
  precondition(y.rows == v.rows && v.columns == a.rows && y.columns == a.columns)
  precondition(v.type == y.type && a.type == y.type)
  guard v.rows > 0 else { return }
  var arguments = unsafe ck_product_arguments(
    y: y.pointer, x: v.pointer, w: a.pointer, u: nil, b: nil, tokens: Int64(v.rows),
    out: Int64(a.rows), in: Int64(a.columns), rank: 0, y_type: y.type.code, x_type: v.type.code,
    w_format: a.type.code, accumulate: 0)
  unsafe ck_multiply_transposed(&arguments)
}

/// `u [tokens, rank] = scale · x [tokens, k] · a [rank, k]ᵀ`, all of one type.
public func project(into u: Matrix, _ x: Matrix, _ a: Matrix, scale: Float = 1) {
  precondition(u.rows == x.rows && u.columns == a.rows && x.columns == a.columns)
  precondition(u.type == x.type && a.type == x.type)
  guard x.rows > 0 else { return }
  unsafe ck_project(
    u.pointer, x.pointer, a.pointer, x.type.code, scale,
    Int64(x.rows), Int64(a.rows), Int64(a.columns))
}

/// `da [rank, k] += u [tokens, rank]ᵀ · x [tokens, k]`: the gradient of `project` (float32 sums).
public func projectGradient(into da: Matrix, _ u: Matrix, _ x: Matrix) {
  precondition(da.rows == u.columns && da.columns == x.columns && u.rows == x.rows)
  precondition(u.type == x.type)
  guard x.rows > 0 else { return }
  unsafe ck_project_gradient(
    da.floats, u.pointer, x.pointer, x.type.code,
    Int64(x.rows), Int64(u.columns), Int64(x.columns))
}

/// `g [m, n] += d [tokens, m]ᵀ · x [tokens, n]`: the dense gradient of a weight (float32 sums).
public func weightGradient(into g: Matrix, _ d: Matrix, _ x: Matrix) {
  precondition(g.rows == d.columns && g.columns == x.columns && d.rows == x.rows)
  precondition(d.type == x.type)
  guard x.rows > 0 else { return }
  unsafe ck_weight_gradient(
    g.floats, d.pointer, x.pointer, x.type.code,
    Int64(x.rows), Int64(d.columns), Int64(x.columns))
}
