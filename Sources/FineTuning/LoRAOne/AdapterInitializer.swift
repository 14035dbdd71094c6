public import Tensors

/// Makes the start of each adapter: the mathematics of LoRA-One and of the starts it is compared
/// with.
///
/// With `G = U S Vᵀ` (Zhang, Liu, Chen, arXiv 2502.01235, as their program computes it):
///
/// ```
/// B₀ = −U_r √S_r / √S₁ / √γ        A₀ = √S_r V_rᵀ / √S₁ / √γ        ‖B₀A₀‖₂ = 1/γ
/// ```
///
/// It does not run the model: gradients come as operators. It holds no state; the same seed, matrix
/// and gradient give the same start, in whatever order matrices are visited.
public struct AdapterInitializer: Sendable {
  public var initialization: AdapterInitialization
  public var scale: InitializationScale
  /// γ: the start's spectral norm is s/γ.
  public var gamma: Float
  /// Columns beyond the rank and iterations of the SVD; its rank is set per matrix.
  public var decomposition: RandomizedSVD
  /// Derives a stream for each matrix's name.
  public var generator: RandomGenerator

  public init(
    _ initialization: AdapterInitialization, scale: InitializationScale = .normalized,
    gamma: Float = 128, decomposition: RandomizedSVD? = nil, generator: RandomGenerator
  ) {
    precondition(gamma > 0)
    self.initialization = initialization
    self.scale = scale
    self.gamma = gamma
    self.decomposition = decomposition ?? RandomizedSVD(rank: 1)
    self.generator = generator
  }

  // MARK: - From an operator

  /// The start of `matrix` with its report. `measured` is G `[out, in]` for the gradient starts,
  /// `XᵀX [in, in]` for EVA.
  ///
  /// A measurement that is zero or not finite falls back to `gaussian`, with a notice. Throws
  /// `TensorError.outOfMemory` from the operator.
  public func start(
    of matrix: AdaptedMatrix, from measured: some LinearOperator
  ) throws(TensorError) -> (start: AdapterStart, report: AdapterStartReport) {
    precondition(measured.columns == matrix.columns)
    precondition(initialization == .eva || measured.rows == matrix.rows)
    return try start(of: matrix, found: decompose(measured, for: matrix))
  }

  /// The leading triplets of what was measured for `matrix`; nil when it is not finite. One decomposition serves all matrices
  /// of the same measurement, where `matrix` is the one of the largest rank.
  func decompose(
    _ measured: some LinearOperator, for matrix: AdaptedMatrix
  ) throws(TensorError) -> RandomizedSVD.Result? {
    var options = decomposition
    options.rank = matrix.rank
    options.oversampling = max(decomposition.oversampling, matrix.rank)
    do {
      return try options.decompose(
        measured, generator: generator.stream(matrix.name).stream("decomposition"))
    } catch .noConvergence {
      return nil
    }
  }

  /// The start of `matrix` from a decomposition with at least as many triplets as its rank (nil: what was measured is not
  /// finite), with its report. `inputNorm` is ‖X‖²_F for EVA: without it the report has no norm.
  func start(
    of matrix: AdaptedMatrix, found: RandomizedSVD.Result?, inputNorm: Double? = nil
  ) throws(TensorError) -> (start: AdapterStart, report: AdapterStartReport) {
    var found = found
    if let all = found?.triplets { found?.triplets = all.truncated(to: matrix.rank) }
    let start = try start(of: matrix, triplets: found?.triplets)
    return (
      start, AdapterStartReport(matrix, initialization, start, found, inputNorm: inputNorm)
    )
  }

  // MARK: - From singular triplets

  /// The start of `matrix` from the leading triplets of what was measured (of G itself: the sign of
  /// descent is applied here), or from random numbers alone where `initialization.source` is
  /// `.nothing`.
  ///
  /// Where there are fewer triplets than the rank, or they vanish beside the first, the remaining
  /// rows of A are random directions orthogonal to the others and those of Bᵀ are zero, so that
  /// every row can learn.
  public func start(
    of matrix: AdaptedMatrix, triplets: LinearAlgebra.SingularValues<Float>? = nil
  ) throws(TensorError) -> AdapterStart {
    var draws = generator.stream(matrix.name).stream("start")
    switch initialization {
    case .gaussian:
      return gaussian(matrix, &draws)
    case .kaiming:
      let bound = 1 / Float(matrix.columns).squareRoot()
      let values = draws.uniforms(matrix.rank * matrix.columns, bound: bound)
      return withoutB(
        matrix, DenseMatrix(rows: matrix.rank, columns: matrix.columns, values: values))
    case .orthogonal:
      return try orthogonal(matrix, &draws)
    case .loraOne, .loraOneA, .eva:
      guard let triplets, let kept = significant(triplets, matrix.rank) else {
        var start = gaussian(matrix, &draws)
        start.notice =
          "what \(matrix.name) was to start from is zero or not finite: "
          + "it starts as gaussian with B = 0"
        return start
      }
      let directions = try completed(kept.vt, to: matrix.rank, &draws)
      if initialization == .loraOne { return loraOne(matrix, kept, directions) }
      return withoutB(matrix, directions)
    }
  }

  // MARK: - Each start

  private func loraOne(
    _ matrix: AdaptedMatrix, _ triplets: LinearAlgebra.SingularValues<Float>,
    _ directions: DenseMatrix<Float>
  ) -> AdapterStart {
    let first = triplets.values[0]
    let lengths = triplets.values.map { value in
      switch scale {
      case .normalized, .linesearch: (value / first / gamma).squareRoot()
      case .theory: value.squareRoot()
      }
    }
    // Rows without a gradient are as long as the shortest that has one.
    let missing = matrix.rank - lengths.count
    let padding = [Float](repeating: lengths[lengths.count - 1], count: missing)
    let a = directions.scalingRows(by: lengths + padding)
    let bt = triplets.ut.scalingRows(by: lengths.map { -$0 })
      .appendingRows(DenseMatrix(rows: missing, columns: matrix.rows))
    let norm = Double(matrix.scale) * Double(lengths[0]) * Double(lengths[0])
    return AdapterStart(a: a, bt: bt, norm: norm)
  }

  private func orthogonal(
    _ matrix: AdaptedMatrix, _ draws: inout RandomGenerator
  ) throws(TensorError) -> AdapterStart {
    let length = 1 / gamma.squareRoot()
    let a = try LinearAlgebra.orthonormalRows(
      .gaussian(rows: matrix.rank, columns: matrix.columns, from: &draws))
    let bt = try LinearAlgebra.orthonormalRows(
      .gaussian(rows: matrix.rank, columns: matrix.rows, from: &draws))
    return AdapterStart(
      a: a.scaled(by: length), bt: bt.scaled(by: length),
      norm: Double(matrix.scale) / Double(gamma))
  }

  private func gaussian(
    _ matrix: AdaptedMatrix, _ draws: inout RandomGenerator
  ) -> AdapterStart {
    withoutB(
      matrix,
      .gaussian(
        rows: matrix.rank, columns: matrix.columns, deviation: 1 / Float(matrix.rank),
        from: &draws))
  }

  private func withoutB(_ matrix: AdaptedMatrix, _ a: DenseMatrix<Float>) -> AdapterStart {
    AdapterStart(a: a, bt: DenseMatrix(rows: matrix.rank, columns: matrix.rows), norm: 0)
  }

  // MARK: - Triplets

  /// The leading triplets that stand out of rounding, at most `rank`; nil when there is none.
  private func significant(
    _ triplets: LinearAlgebra.SingularValues<Float>, _ rank: Int
  ) -> LinearAlgebra.SingularValues<Float>? {
    guard let first = triplets.values.first, first > 0, first.isFinite else { return nil }
    let count = triplets.values.prefix(rank).prefix { $0 > first * 1e-6 }.count
    return triplets.truncated(to: count)
  }

  /// `vt` followed by random unit rows orthogonal to it and to each other, `rank` in all.
  private func completed(
    _ vt: DenseMatrix<Float>, to rank: Int, _ draws: inout RandomGenerator
  ) throws(TensorError) -> DenseMatrix<Float> {
    let missing = rank - vt.rows
    guard missing > 0 else { return vt }
    let random = DenseMatrix<Float>.gaussian(rows: missing, columns: vt.columns, from: &draws)
    let basis = try LinearAlgebra.orthonormalRows(vt.appendingRows(random))
    let extra = DenseMatrix(
      rows: missing, columns: vt.columns, values: Array(basis.values.suffix(random.values.count)))
    return vt.appendingRows(extra)
  }
}
