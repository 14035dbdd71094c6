internal import CLAPACK

/// Orthonormal bases of a few long rows by Cholesky factors of their Gram matrix, in double precision: products instead of
/// Householder's reflections, an order of magnitude faster on `[ℓ, n]` with ℓ far below n.
///
/// One pass leaves `κ²·10⁻¹⁶` of the orthonormality to be desired, κ the condition number of the rows; a second pass removes
/// it (Yamamoto, Nakatsukasa, Yanagisawa, Fukaya 2015, CholeskyQR2). Rows too dependent for that go to Householder.
extension LinearAlgebra {
  /// `matrix = factor · basis`, `basis [ℓ, n]` with orthonormal rows, `factor [ℓ, ℓ]` lower triangular.
  struct RowFactors<Scalar: DenseScalar>: Equatable {
    var factor: DenseMatrix<Double>
    var basis: DenseMatrix<Scalar>
  }

  /// How far a Gram matrix may be from the identity for one more pass to be sure.
  private static let mostDeviation = 0.1

  /// A well-conditioned basis of the rows of `matrix [ℓ, n]`, ℓ ≤ n, orthonormal for condition numbers up to 10⁵ or so: for
  /// iterations that orthonormalize again. Throws `TensorError.noConvergence` on values that are not finite.
  static func conditionedRows<Scalar>(
    _ matrix: DenseMatrix<Scalar>
  ) throws(TensorError) -> DenseMatrix<Scalar> {
    guard let factors = try rowFactors(matrix, passes: 1) else {
      return try orthonormalRows(matrix)
    }
    return factors.basis
  }

  /// The factors, orthonormal to rounding; nil for rows that depend on each other (zero ones too).
  ///
  /// - Parameter passes: 1 or 2.
  /// - Throws: `TensorError.noConvergence` on values that are not finite.
  static func rowFactors<Scalar>(
    _ matrix: DenseMatrix<Scalar>, passes: Int = 2
  ) throws(TensorError) -> RowFactors<Scalar>? {
    precondition(matrix.rows <= matrix.columns)
    guard matrix.rows > 0 else { return nil }
    guard matrix.sumOfSquares.isFinite else {
      throw .noConvergence(routine: "potrf", info: -4)
    }
    var rows = DenseMatrix<Double>(
      rows: matrix.rows, columns: matrix.columns, values: matrix.values.map { Double($0) })
    var total: DenseMatrix<Double>?
    for pass in 0..<passes {
      var gram = rows.gramOfRows()
      if pass > 0 {
        for row in 0..<gram.rows {
          for column in 0..<gram.rows {
            let wanted = row == column ? 1.0 : 0.0
            guard abs(gram[row, column] - wanted) < mostDeviation else { return nil }
          }
        }
      }
      guard Double.factorize(&gram.values, size: gram.rows) else { return nil }
      Double.divide(&rows.values, by: gram.values, size: gram.rows, count: rows.columns)
      total = total?.times(gram) ?? gram
    }
    guard let total, rows.sumOfSquares.isFinite else { return nil }
    return RowFactors(
      factor: total,
      basis: DenseMatrix(
        rows: rows.rows, columns: rows.columns, values: rows.values.map { Scalar($0) }))
  }

  /// Thin SVD of a few long rows `[ℓ, n]` through their factors: that of an ℓ × ℓ matrix alone. Values below 10⁻⁷ of the
  /// first are noise. Throws as `singularValues` does.
  static func singularValuesOfRows<Scalar>(
    _ matrix: DenseMatrix<Scalar>
  ) throws(TensorError) -> SingularValues<Scalar> {
    guard let factors = try rowFactors(matrix) else { return try singularValues(matrix) }
    let small = try singularValues(factors.factor)
    func narrowed(_ wide: DenseMatrix<Double>) -> DenseMatrix<Scalar> {
      DenseMatrix(rows: wide.rows, columns: wide.columns, values: wide.values.map { Scalar($0) })
    }
    var result = SingularValues(
      ut: narrowed(small.ut), values: small.values.map { Scalar($0) },
      vt: narrowed(small.vt).times(factors.basis))
    result.fixSigns()
    return result
  }
}

extension Double {
  /// Replaces the symmetric `a [size, size]` by its lower Cholesky factor, zero above the diagonal; false when it is not
  /// positive definite.
  fileprivate static func factorize(_ a: inout [Double], size: Int) -> Bool {
    precondition(a.count == size * size)
    // Row-major lower is column-major upper.
    let info = unsafe LAPACKE_dpotrf(
      LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), Int32(size), &a, Int32(size))
    for row in 0..<size {
      for column in row + 1..<max(size, row + 1) { a[row * size + column] = 0 }
    }
    return info == 0
  }

  /// `right [size, count] = l⁻¹ · right` for the lower triangular `l [size, size]`.
  fileprivate static func divide(_ right: inout [Double], by l: [Double], size: Int, count: Int) {
    precondition(l.count == size * size && right.count == size * count)
    unsafe cblas_dtrsm(
      CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, blasint(size),
      blasint(count), 1, l, blasint(size), &right, blasint(count))
  }
}
