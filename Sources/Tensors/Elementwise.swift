internal import CKernels

// Small operations between the products. Matrices are float32 or bfloat16 where nothing else is
// said; results do not depend on the number of threads.

// MARK: - Biases, factors, sums

/// `y [tokens, width]`: adds `bias [width]` to each row.
public func addBias(_ y: Matrix, _ bias: [Float]) {
  precondition(bias.count == y.columns)
  unsafe ck_add_bias(y.pointer, y.type.code, bias, Int64(y.rows), Int64(y.columns))
}

/// Multiplies all of `x` by `factor`.
public func scale(_ x: Matrix, by factor: Float) {
  unsafe ck_scale(x.pointer, x.type.code, factor, Int64(x.count))
}

/// Multiplies row i of `x` by `factors[i]`.
public func scaleRows(_ x: Matrix, by factors: [Float]) {
  precondition(factors.count == x.rows)
  unsafe ck_scale_rows(x.pointer, x.type.code, factors, Int64(x.rows), Int64(x.columns))
}

/// Inverted dropout: an element of `x` that is kept, times 1 / (1 − rate), else 0, put into `y` or added to it.
///
/// Whether one is kept depends on `key`, its row counted from `firstRow`, and its column alone: the same call makes the same
/// mask, on any number of threads, however rows are cut into calls. `y` and `x` may be one matrix.
public func drop(
  into y: Matrix, _ x: Matrix, rate: Float, key: UInt64, firstRow: Int, accumulate: Bool = false
) {
  precondition(y.rows == x.rows && y.columns == x.columns && rate >= 0 && rate < 1)
  unsafe ck_drop(
    y.pointer, y.type.code, x.pointer, x.type.code, accumulate ? 1 : 0, key, Int64(firstRow), rate,
    Int64(x.rows), Int64(x.columns))
}

/// `y += factor · x`, element by element; `y` is float32.
public func add(into y: Matrix, _ x: Matrix, factor: Float = 1) {
  precondition(y.count == x.count)
  unsafe ck_add(y.floats, x.pointer, x.type.code, factor, Int64(x.count))
}

/// Row `rows[i]` of `y` (float32) += `factors[i]` · row i of `x`, in the order of i; rows may
/// repeat.
public func scatterAdd(_ x: Matrix, into y: Matrix, rows: [Int], factors: [Float]) {
  precondition(rows.count == x.rows && factors.count == x.rows && y.columns == x.columns)
  precondition(rows.allSatisfy { $0 >= 0 && $0 < y.rows })
  let indices = rows.map(Int64.init)
  unsafe ck_scatter_add(
    y.floats, x.pointer, x.type.code, indices, factors, Int64(x.rows), Int64(x.columns))
}

/// The dot product of each row of `a` with the same row of `b`, in a fixed order.
public func rowDots(_ a: Matrix, _ b: Matrix) -> [Float] {
  precondition(a.rows == b.rows && a.columns == b.columns)
  return unsafe [Float](unsafeUninitializedCapacity: a.rows) { buffer, initialized in
    if a.rows > 0 {
      unsafe ck_row_dots(
        buffer.baseAddress!, a.pointer, a.type.code, b.pointer, b.type.code, Int64(a.rows),
        Int64(a.columns))
    }
    initialized = a.rows
  }
}

// MARK: - Soft caps

/// `x = cap · tanh(x / cap)` in place; `x` is float32, `cap` positive.
public func softCap(_ x: Matrix, cap: Float) {
  precondition(cap > 0)
  unsafe ck_soft_cap(x.floats, cap, Int64(x.count))
}

/// `dx *= 1 - (y / cap)²`: the gradient of `softCap`, where `capped` (float32) is the y that it
/// left.
public func softCapBackward(_ dx: Matrix, capped: Matrix, cap: Float) {
  precondition(cap > 0 && dx.count == capped.count)
  unsafe ck_soft_cap_backward(
    dx.pointer, dx.type.code, capped.floats, cap, Int64(dx.count))
}

// MARK: - Column ranges

/// `y [rows, n]` becomes columns `column..<column + n` of `x`, which has the same type and rows.
public func copyColumns(into y: Matrix, from x: Matrix, at column: Int) {
  checkColumns(y, x, column)
  let (narrow, wide) = (y.columns * y.type.byteCount, x.columns * x.type.byteCount)
  unsafe ck_copy_rows(
    y.pointer, Int64(narrow), x.pointer + column * x.type.byteCount, Int64(wide), Int64(narrow),
    Int64(y.rows))
}

/// Columns `column..<column + n` of `x` become `y [rows, n]`, which has the same type and rows.
public func storeColumns(_ y: Matrix, into x: Matrix, at column: Int) {
  checkColumns(y, x, column)
  let (narrow, wide) = (y.columns * y.type.byteCount, x.columns * x.type.byteCount)
  unsafe ck_copy_rows(
    x.pointer + column * x.type.byteCount, Int64(wide), y.pointer, Int64(narrow), Int64(narrow),
    Int64(y.rows))
}

private func checkColumns(_ y: Matrix, _ x: Matrix, _ column: Int) {
  precondition(y.rows == x.rows && y.type == x.type)
  precondition(column >= 0 && column + y.columns <= x.columns)
}
