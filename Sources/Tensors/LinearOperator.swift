/// A matrix `G [m, n]` known by its products with thin matrices: what the randomized SVD needs, and
/// no more.
///
/// Thin matrices stand transposed, short side first, as the kernels `project` and `projectGradient`
/// keep them.
public protocol LinearOperator {
  /// m.
  var rows: Int { get }
  /// n.
  var columns: Int { get }
  /// No singular value beyond this many is different from zero.
  var rankBound: Int { get }
  /// `‖G‖²_F` where it costs little to know exactly, else nil.
  var squaredNorm: Double? { get }
  /// `(G·Z)ᵀ [ℓ, m]` from `zt = Zᵀ [ℓ, n]`.
  func apply(_ zt: DenseMatrix<Float>) throws(TensorError) -> DenseMatrix<Float>
  /// `(Gᵀ·Y)ᵀ [ℓ, n]` from `yt = Yᵀ [ℓ, m]`.
  func applyTransposed(_ yt: DenseMatrix<Float>) throws(TensorError) -> DenseMatrix<Float>
}

// MARK: - Dense

/// `G [m, n]` held in float32.
public struct DenseGradientOperator: LinearOperator {
  /// G.
  public let gradient: DenseMatrix<Float>

  public init(_ gradient: DenseMatrix<Float>) { self.gradient = gradient }

  /// A copy of G in an arena.
  public init(_ gradient: Matrix) { self.gradient = DenseMatrix(gradient) }

  public var rows: Int { gradient.rows }
  public var columns: Int { gradient.columns }
  public var rankBound: Int { min(rows, columns) }
  public var squaredNorm: Double? { gradient.sumOfSquares }

  public func apply(_ zt: DenseMatrix<Float>) -> DenseMatrix<Float> {
    zt.times(gradient, transposeOther: true)
  }

  public func applyTransposed(_ yt: DenseMatrix<Float>) -> DenseMatrix<Float> {
    yt.times(gradient)
  }
}

/// `G [m, n]` in float32 in an arena, read where it lies: a gradient too large to be held twice.
public struct ArenaGradientOperator: LinearOperator {
  /// G.
  public let gradient: Matrix

  /// Traps unless `gradient` is float32.
  public init(_ gradient: Matrix) {
    precondition(gradient.type == .float32)
    self.gradient = gradient
  }

  public var rows: Int { gradient.rows }
  public var columns: Int { gradient.columns }
  public var rankBound: Int { min(rows, columns) }
  public var squaredNorm: Double? { sumOfSquares(gradient) }

  public func apply(_ zt: DenseMatrix<Float>) throws(TensorError) -> DenseMatrix<Float> {
    let scratch = try ThinProduct(left: (zt.rows, columns), result: (zt.rows, rows))
    scratch.left.assign(zt.values)
    project(into: scratch.result, scratch.left, gradient)
    return DenseMatrix(scratch.result)
  }

  public func applyTransposed(_ yt: DenseMatrix<Float>) throws(TensorError) -> DenseMatrix<Float> {
    let scratch = try ThinProduct(left: (rows, yt.rows), result: (yt.rows, columns))
    scratch.left.assign(yt.transposed().values)
    projectGradient(into: scratch.result, scratch.left, gradient)
    return DenseMatrix(scratch.result)
  }
}

/// Room for one product with a thin matrix.
private struct ThinProduct {
  let left: Matrix
  let result: Matrix

  init(left: (Int, Int), result: (Int, Int)) throws(TensorError) {
    let arena = try Arena(
      "thin product",
      byteCount: Arena.size(rows: left.0, columns: left.1, type: .float32)
        + Arena.size(rows: result.0, columns: result.1, type: .float32))
    self.left = arena.allocate(rows: left.0, columns: left.1, type: .float32)
    self.result = arena.allocate(rows: result.0, columns: result.1, type: .float32)
  }
}

// MARK: - Factors

/// `G = Σ_b scale_b · D_bᵀ·X_b [m, n]` from the factors of micro-batches, never formed.
///
/// `GZ = Σ_b D_bᵀ(X_b Z)` and `GᵀY = Σ_b X_bᵀ(D_b Y)`: `4ℓT(m+n)` operations for ℓ columns and T
/// tokens. Factors of either type are read in panels converted to float32, so bf16 storage does not
/// round the thin matrices.
public struct FactorOperator: LinearOperator {
  /// One micro-batch: `d [tokens, m]` = ∂L/∂(XWᵀ), `x [tokens, n]` the layer's input.
  public struct Factor {
    public let d: Matrix
    public let x: Matrix
    /// What its product is multiplied by in the sum.
    public let scale: Float

    public init(d: Matrix, x: Matrix, scale: Float = 1) {
      precondition(d.rows == x.rows, "factors need the same tokens")
      self.d = d
      self.x = x
      self.scale = scale
    }
  }

  public let factors: [Factor]
  public let rows: Int
  public let columns: Int

  /// Traps unless there is a factor and all have the same widths.
  public init(_ factors: [Factor]) {
    precondition(!factors.isEmpty)
    rows = factors[0].d.columns
    columns = factors[0].x.columns
    for factor in factors {
      precondition(factor.d.columns == rows && factor.x.columns == columns)
    }
    self.factors = factors
  }

  /// T, over all micro-batches.
  public var tokenCount: Int { factors.reduce(0) { $0 + $1.d.rows } }
  public var rankBound: Int { min(rows, columns, tokenCount) }
  public var squaredNorm: Double? { nil }

  public func apply(_ zt: DenseMatrix<Float>) throws(TensorError) -> DenseMatrix<Float> {
    try sum(zt, through: { ($0.x, $0.d) }, to: rows)
  }

  public func applyTransposed(_ yt: DenseMatrix<Float>) throws(TensorError) -> DenseMatrix<Float> {
    try sum(yt, through: { ($0.d, $0.x) }, to: columns)
  }

  /// Numbers in a panel of factors: it should stay in the second-level cache.
  private static let panelCount = 1 << 17

  /// `Σ scale · (left · thinᵀ)ᵀ · right [ℓ, width]` with `thin [ℓ, left.columns]`.
  private func sum(
    _ thin: DenseMatrix<Float>, through pair: (Factor) -> (left: Matrix, right: Matrix),
    to width: Int
  ) throws(TensorError) -> DenseMatrix<Float> {
    let depth = thin.columns
    precondition(depth == rows + columns - width)
    let panel = max(16, FactorOperator.panelCount / max(depth, width))
    let shapes = [(thin.rows, depth), (thin.rows, width), (panel, thin.rows)]
    let scratch = try Arena(
      "factor products",
      byteCount: shapes.reduce(0) { $0 + Arena.size(rows: $1.0, columns: $1.1, type: .float32) }
        + Arena.size(rows: panel, columns: depth, type: .float32)
        + Arena.size(rows: panel, columns: width, type: .float32))
    let matrices = shapes.map { scratch.allocate(rows: $0.0, columns: $0.1, type: .float32) }
    let (thinMatrix, total, between) = (matrices[0], matrices[1], matrices[2])
    let leftPanel = scratch.allocate(rows: panel, columns: depth, type: .float32)
    let rightPanel = scratch.allocate(rows: panel, columns: width, type: .float32)
    thinMatrix.assign(thin.values)
    for factor in factors {
      let (left, right) = pair(factor)
      for start in stride(from: 0, to: left.rows, by: panel) {
        let range = start..<min(start + panel, left.rows)
        let projected = between.prefix(range.count)
        project(
          into: projected, float32(left.rows(range), in: leftPanel), thinMatrix,
          scale: factor.scale)
        projectGradient(
          into: total, projected, float32(right.rows(range), in: rightPanel))
      }
    }
    return DenseMatrix(total)
  }

  /// The matrix itself when it is float32, else its conversion in `panel`.
  private func float32(_ matrix: Matrix, in panel: Matrix) -> Matrix {
    if matrix.type == .float32 { return matrix }
    let converted = panel.prefix(matrix.rows)
    converted.assign(matrix)
    return converted
  }
}
