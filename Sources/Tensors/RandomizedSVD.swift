/// Leading singular triplets of an operator by random projection: Halko, Martinsson, Tropp 2011
/// (arXiv 0909.4061), algorithms 4.4 (range finder with orthonormalized subspace iterations) and
/// 5.1.
///
/// ```
/// Y = GΩ;  q times: W = qr(Gᵀ·qr(Y)), Y = GW;  Q = qr(Y);  QᵀG = U' S Vᵀ;  U = QU'
/// ```
///
/// `2q + 2` products with G or its transpose, each with ℓ = r + p columns. Not for all singular
/// values of a matrix: `LinearAlgebra.singularValues` does that.
public struct RandomizedSVD: Sendable, Hashable {
  /// Triplets wanted (r).
  public var rank: Int
  /// Columns drawn beyond the rank (p); `max(16, rank)` unless given.
  public var oversampling: Int
  /// Subspace iterations (q).
  public var iterations: Int
  /// Gaussian probes for the part of `‖G‖²_F` outside the range found.
  public var probes: Int

  public init(rank: Int, oversampling: Int? = nil, iterations: Int = 2, probes: Int = 8) {
    precondition(rank > 0 && iterations >= 0 && probes > 0)
    self.rank = rank
    self.oversampling = oversampling ?? max(16, rank)
    self.iterations = iterations
    self.probes = probes
  }

  /// What was found.
  public struct Result: Sendable, Equatable {
    /// The leading triplets, signs fixed; as many as asked for, or `rankBound` when that is less.
    public var triplets: LinearAlgebra.SingularValues<Float>
    /// `‖G‖²_F`: exact, or an unbiased estimate.
    public var squaredNorm: Double
    /// Whether `squaredNorm` is exact (to rounding).
    public var isNormExact: Bool
    /// Standard error of `squaredNorm`, from the spread of the probes; 0 where it is exact.
    public var squaredNormError = 0.0

    /// The share of `‖G‖²_F` in the triplets, 0…1; 0 for a zero operator.
    public var capturedShare: Double {
      guard squaredNorm > 0 else { return 0 }
      let captured = triplets.values.reduce(0) { $0 + Double($1) * Double($1) }
      return min(1, captured / squaredNorm)
    }

    /// Standard error of `capturedShare`, to first order; 0 where the norm is exact.
    public var capturedShareError: Double {
      guard squaredNorm > 0 else { return 0 }
      return capturedShare * squaredNormError / squaredNorm
    }
  }

  /// Decomposes `matrix`. The result depends on it, the options and the generator's seed alone.
  ///
  /// Throws `TensorError.noConvergence` when a product is not finite, `.outOfMemory` from the
  /// operator.
  public func decompose(
    _ matrix: some LinearOperator, generator: RandomGenerator
  ) throws(TensorError) -> Result {
    let width = min(rank + oversampling, matrix.rankBound)
    guard width > 0 else {
      return Result(
        triplets: LinearAlgebra.SingularValues(
          ut: DenseMatrix(rows: 0, columns: matrix.rows), values: [],
          vt: DenseMatrix(rows: 0, columns: matrix.columns)),
        squaredNorm: 0, isNormExact: true)
    }
    var draws = generator.stream("range")
    let omega = DenseMatrix<Float>.gaussian(
      rows: width, columns: matrix.columns, from: &draws)
    var yt = try matrix.apply(omega)
    for _ in 0..<iterations {
      let basis = try LinearAlgebra.conditionedRows(yt)
      let wt = try matrix.applyTransposed(basis)
      yt = try matrix.apply(LinearAlgebra.conditionedRows(wt))
    }
    let basis: DenseMatrix<Float>
    if let factors = try LinearAlgebra.rowFactors(yt) {
      basis = factors.basis
    } else {
      basis = try LinearAlgebra.orthonormalRows(yt)
    }
    let small = try LinearAlgebra.singularValuesOfRows(matrix.applyTransposed(basis))
    let all = LinearAlgebra.SingularValues(
      ut: small.ut.times(basis), values: small.values, vt: small.vt)
    let norm = try norm(of: matrix, basis: basis, found: all.values, generator)
    return Result(
      triplets: all.truncated(to: rank), squaredNorm: norm.squared, isNormExact: norm.isExact,
      squaredNormError: norm.error)
  }

  /// `‖G‖²_F = ‖QᵀG‖²_F + ‖(I − QQᵀ)G‖²_F`: the first exactly, the second as the mean of `‖(I −
  /// QQᵀ)Gz‖²` over Gaussian z, which is unbiased because z and Q are independent.
  private func norm(
    of matrix: some LinearOperator, basis: DenseMatrix<Float>, found: [Float],
    _ generator: RandomGenerator
  ) throws(TensorError) -> (squared: Double, error: Double, isExact: Bool) {
    if let exact = matrix.squaredNorm { return (exact, 0, true) }
    let inside = found.reduce(0) { $0 + Double($1) * Double($1) }
    if basis.rows == matrix.rankBound { return (inside, 0, true) }
    var draws = generator.stream("norm")
    let image = try matrix.apply(
      .gaussian(rows: probes, columns: matrix.columns, from: &draws))
    let outside = image.adding(
      image.times(basis, transposeOther: true).times(basis), times: -1)
    let mean = outside.sumOfSquares / Double(probes)
    let deviations = (0..<probes).map { outside.rowSumOfSquares($0) - mean }
    let variance = deviations.reduce(0) { $0 + $1 * $1 } / Double(max(probes - 1, 1))
    return (inside + mean, (variance / Double(probes)).squareRoot(), false)
  }
}
