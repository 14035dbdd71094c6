/// A small dense matrix by value, row-major, float32 or float64: the currency of the linear
/// algebra.
///
/// Meant for at most a few thousand by a few thousand. Activations and anything the size of a model
/// live in arenas (`Matrix`) and go through the kernels instead. Products are BLAS's.
public struct DenseMatrix<Scalar: DenseScalar>: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  /// `rows · columns` values, row by row.
  public var values: [Scalar]

  /// Traps unless there are `rows · columns` values.
  public init(rows: Int, columns: Int, values: [Scalar]) {
    precondition(rows >= 0 && columns >= 0 && values.count == rows * columns)
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// Zero everywhere.
  public init(rows: Int, columns: Int) {
    self.init(rows: rows, columns: columns, values: Scalar.zeros(rows * columns))
  }

  /// `diagonal` on the diagonal of a square matrix, zero elsewhere.
  public init(diagonal: [Scalar]) {
    self.init(rows: diagonal.count, columns: diagonal.count)
    for (index, value) in diagonal.enumerated() { self[index, index] = value }
  }

  public subscript(row: Int, column: Int) -> Scalar {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      return values[row * columns + column]
    }
    set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      values[row * columns + column] = newValue
    }
  }

  // MARK: - Products

  /// `op(self) · op(other)`, where `op` transposes on demand.
  public func times(
    _ other: DenseMatrix, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> DenseMatrix {
    let (m, k) = transposeSelf ? (columns, rows) : (rows, columns)
    let (inner, n) = transposeOther ? (other.columns, other.rows) : (other.rows, other.columns)
    precondition(k == inner, "inner sizes differ: \(k) and \(inner)")
    var result = DenseMatrix(rows: m, columns: n)
    guard m > 0 && n > 0 && k > 0 else { return result }
    Scalar.multiply(
      into: &result.values, values, transposeSelf, other.values, transposeOther, m: m, n: n, k: k)
    return result
  }

  /// `self · selfᵀ [rows, rows]`: the Gram matrix of the rows.
  public func gramOfRows() -> DenseMatrix { times(self, transposeOther: true) }

  // MARK: - Element by element

  /// `self + factor · other`.
  public func adding(_ other: DenseMatrix, times factor: Scalar = 1) -> DenseMatrix {
    precondition(rows == other.rows && columns == other.columns)
    var result = self
    if !values.isEmpty { Scalar.add(into: &result.values, other.values, times: factor) }
    return result
  }

  /// `factor · self`.
  public func scaled(by factor: Scalar) -> DenseMatrix {
    DenseMatrix(rows: rows, columns: columns).adding(self, times: factor)
  }

  /// Row i times `factors[i]`.
  public func scalingRows(by factors: [Scalar]) -> DenseMatrix {
    precondition(factors.count == rows)
    var result = self
    for row in 0..<rows { result.scaleRow(row, by: factors[row]) }
    return result
  }

  mutating func scaleRow(_ row: Int, by factor: Scalar) {
    Scalar.scale(&values, range: row * columns..<(row + 1) * columns, by: factor)
  }

  /// Sum of squares, accumulated in float64.
  public var sumOfSquares: Double { values.isEmpty ? 0 : Scalar.dot(values, values) }

  /// The same of one row.
  public func rowSumOfSquares(_ row: Int) -> Double {
    precondition(row >= 0 && row < rows)
    let part = Array(values[row * columns..<(row + 1) * columns])
    return part.isEmpty ? 0 : Scalar.dot(part, part)
  }

  /// `sqrt(Σ x²)`.
  public var frobeniusNorm: Double { sumOfSquares.squareRoot() }

  /// `Σ x·y` over all elements, accumulated in float64.
  public func innerProduct(_ other: DenseMatrix) -> Double {
    precondition(rows == other.rows && columns == other.columns)
    return values.isEmpty ? 0 : Scalar.dot(values, other.values)
  }

  // MARK: - Shape

  /// The transpose, copied.
  public func transposed() -> DenseMatrix {
    DenseMatrix(
      rows: columns, columns: rows,
      values: values.isEmpty ? [] : Scalar.transpose(values, rows: rows, columns: columns))
  }

  /// The first `count` rows.
  public func prefix(_ count: Int) -> DenseMatrix {
    precondition(count >= 0 && count <= rows)
    return DenseMatrix(
      rows: count, columns: columns, values: Array(values.prefix(count * columns)))
  }

  /// The rows of `self`, then the rows of `other`.
  public func appendingRows(_ other: DenseMatrix) -> DenseMatrix {
    precondition(columns == other.columns)
    return DenseMatrix(
      rows: rows + other.rows, columns: columns, values: values + other.values)
  }
}

extension DenseMatrix where Scalar == Float {
  /// A copy of a matrix in an arena, converted to float32.
  public init(_ matrix: Matrix) {
    self.init(rows: matrix.rows, columns: matrix.columns, values: matrix.array())
  }

  /// Normal values of mean 0, row by row.
  public static func gaussian(
    rows: Int, columns: Int, deviation: Float = 1, from generator: inout RandomGenerator
  ) -> DenseMatrix {
    DenseMatrix(
      rows: rows, columns: columns,
      values: generator.gaussians(rows * columns, deviation: deviation))
  }
}
