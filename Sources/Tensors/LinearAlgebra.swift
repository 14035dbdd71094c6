/// QR, singular values and Cholesky for small dense matrices: LAPACK behind Swift values.
///
/// Row-major values are the column-major values of the transpose, so LAPACK reads them as they lie:
/// thin matrices are stored with the short side first (`[ℓ, n]`), as the kernels want them too.
public enum LinearAlgebra {
  /// Factors of `A = U · diag(S) · Vᵀ`, values from the largest down.
  ///
  /// `ut [k, m]` and `vt [k, n]` hold the singular vectors as rows.
  public struct SingularValues<Scalar: DenseScalar>: Sendable, Equatable {
    public var ut: DenseMatrix<Scalar>
    public var values: [Scalar]
    public var vt: DenseMatrix<Scalar>

    public init(ut: DenseMatrix<Scalar>, values: [Scalar], vt: DenseMatrix<Scalar>) {
      precondition(ut.rows == values.count && vt.rows == values.count)
      self.ut = ut
      self.values = values
      self.vt = vt
    }

    /// The first `rank` triplets, or all when there are fewer.
    public func truncated(to rank: Int) -> SingularValues {
      let kept = min(rank, values.count)
      return SingularValues(
        ut: ut.prefix(kept), values: Array(values.prefix(kept)), vt: vt.prefix(kept))
    }

    /// `U · diag(S) · Vᵀ [m, n]`.
    public func product() -> DenseMatrix<Scalar> {
      ut.scalingRows(by: values).times(vt, transposeSelf: true)
    }

    /// Fixes the sign that each pair of vectors leaves free: the entry of largest magnitude in a
    /// row of `vt` (the first of equals) becomes positive.
    public mutating func fixSigns() {
      for row in 0..<values.count {
        let entries = vt.values[row * vt.columns..<(row + 1) * vt.columns]
        var largest: Scalar = 0
        for entry in entries where abs(entry) > abs(largest) { largest = entry }
        guard largest < 0 else { continue }
        vt.scaleRow(row, by: -1)
        ut.scaleRow(row, by: -1)
      }
    }
  }

  /// Thin QR: an orthonormal basis of the rows of `matrix [ℓ, n]`, ℓ ≤ n, as rows (Householder, so
  /// orthonormal even when the rows are dependent). Throws `TensorError.noConvergence` on values
  /// that are not finite.
  public static func orthonormalRows<Scalar>(
    _ matrix: DenseMatrix<Scalar>
  ) throws(TensorError) -> DenseMatrix<Scalar> {
    precondition(matrix.rows <= matrix.columns)
    var result = matrix
    if !matrix.values.isEmpty {
      try requireFinite(matrix, for: "geqrf")
      try Scalar.orthonormalize(&result.values, vectors: matrix.rows, length: matrix.columns)
    }
    return result
  }

  /// Thin SVD of `matrix [m, n]` with k = min(m, n): divide and conquer, then QR iteration should
  /// that fail; signs fixed. Throws `TensorError.noConvergence` when both fail or values are not
  /// finite.
  public static func singularValues<Scalar>(
    _ matrix: DenseMatrix<Scalar>
  ) throws(TensorError) -> SingularValues<Scalar> {
    let k = min(matrix.rows, matrix.columns)
    guard k > 0 else {
      return SingularValues(
        ut: DenseMatrix(rows: 0, columns: matrix.rows), values: [],
        vt: DenseMatrix(rows: 0, columns: matrix.columns))
    }
    try requireFinite(matrix, for: "gesdd")
    let (u, values, vt) = try Scalar.decompose(
      matrix.values, rows: matrix.rows, columns: matrix.columns)
    var result = SingularValues(
      ut: DenseMatrix(rows: matrix.rows, columns: k, values: u).transposed(), values: values,
      vt: DenseMatrix(rows: k, columns: matrix.columns, values: vt))
    result.fixSigns()
    return result
  }

  /// Solves `S · X = R` for a symmetric positive definite `S [k, k]` and `R [k, n]`, by Cholesky.
  ///
  /// Throws `TensorError.noConvergence` when `S` is not positive definite.
  public static func solvePositiveDefinite<Scalar>(
    _ matrix: DenseMatrix<Scalar>, _ right: DenseMatrix<Scalar>
  ) throws(TensorError) -> DenseMatrix<Scalar> {
    precondition(matrix.rows == matrix.columns && right.rows == matrix.rows)
    guard !right.values.isEmpty else { return right }
    var factor = matrix.values
    var solution = right
    try Scalar.solve(&factor, &solution.values, size: matrix.rows, count: right.columns)
    return solution
  }

  /// LAPACKE looks for NaN itself but lets infinities through; both are argument 4 of these
  /// routines.
  private static func requireFinite<Scalar>(
    _ matrix: DenseMatrix<Scalar>, for routine: String
  ) throws(TensorError) {
    if !matrix.sumOfSquares.isFinite { throw .noConvergence(routine: routine, info: -4) }
  }
}

/// The element types of LAPACK's real routines, on arrays; use `DenseMatrix` and `LinearAlgebra`.
///
/// Shapes are the caller's duty. Conformances: `Float`, `Double`.
public protocol DenseScalar: BinaryFloatingPoint, Sendable {
  /// `count` zeros; generic code would fill an array value by value through a table of functions.
  static func zeros(_ count: Int) -> [Self]
  /// `c [m, n] = op(a) · op(b)`, row-major.
  static func multiply(
    into c: inout [Self], _ a: [Self], _ transposeA: Bool, _ b: [Self], _ transposeB: Bool,
    m: Int, n: Int, k: Int)
  /// `y += factor · x`.
  static func add(into y: inout [Self], _ x: [Self], times factor: Self)
  /// The elements `range` of `y` times `factor`.
  static func scale(_ y: inout [Self], range: Range<Int>, by factor: Self)
  /// The transpose `[columns, rows]` of `a [rows, columns]`, neither of them empty.
  static func transpose(_ a: [Self], rows: Int, columns: Int) -> [Self]
  /// `Σ x·y` in float64.
  static func dot(_ x: [Self], _ y: [Self]) -> Double
  /// Replaces `vectors` contiguous vectors of `length` by an orthonormal basis.
  static func orthonormalize(
    _ a: inout [Self], vectors: Int, length: Int
  ) throws(TensorError)
  /// `u [rows, k]`, values, `vt [k, columns]`.
  static func decompose(
    _ a: [Self], rows: Int, columns: Int
  ) throws(TensorError) -> (u: [Self], values: [Self], vt: [Self])
  /// Overwrites the `count` columns of `right [size, count]` with solutions, `a` with its factor.
  static func solve(
    _ a: inout [Self], _ right: inout [Self], size: Int, count: Int
  ) throws(TensorError)
}
