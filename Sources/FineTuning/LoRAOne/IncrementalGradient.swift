public import Tensors

/// The leading part of a gradient that arrives micro-batch by micro-batch, in fixed memory: `G ≈
/// Lᵀ·R` with L `[ℓ, m]`, R `[ℓ, n]`.
///
/// For token counts at which neither G nor all factors fit. After each micro-batch, `[L | D_bᵀ][R |
/// X_b]ᵀ` is compressed back to ℓ = max(2r, 32) by the operator SVD with one subspace iteration.
/// Memory: `4ℓ(m + n)` bytes beside the micro-batch. Not exact: what was cut off does not come
/// back; prefer `GradientForm` where memory allows.
public final class IncrementalGradient {
  public let rows: Int
  public let columns: Int
  /// ℓ.
  public let width: Int
  private let arena: Arena
  private let left: Matrix
  private let right: Matrix
  private let generator: RandomGenerator
  private var count = 0

  /// A zero gradient `[rows, columns]` that will be asked for `rank` triplets. Throws
  /// `TensorError.outOfMemory`.
  public init(
    rows: Int, columns: Int, rank: Int, generator: RandomGenerator
  ) throws(TensorError) {
    precondition(rank > 0)
    self.rows = rows
    self.columns = columns
    width = IncrementalGradient.width(rows: rows, columns: columns, rank: rank)
    arena = try Arena(
      "incremental gradient",
      byteCount: Arena.size(rows: width, columns: rows, type: .float32)
        + Arena.size(rows: width, columns: columns, type: .float32))
    left = arena.allocate(rows: width, columns: rows, type: .float32)
    right = arena.allocate(rows: width, columns: columns, type: .float32)
    self.generator = generator
  }

  /// ℓ for a gradient `[rows, columns]`.
  static func width(rows: Int, columns: Int, rank: Int) -> Int {
    min(max(2 * rank, 32), rows, columns)
  }

  /// Forgets everything added.
  public func reset() {
    left.clear()
    right.clear()
    count = 0
  }

  /// Adds `scale · DᵀX`. Throws `TensorError.noConvergence` when the sum is not finite.
  public func add(_ factor: FactorOperator.Factor) throws(TensorError) {
    precondition(factor.d.columns == rows && factor.x.columns == columns)
    let svd = RandomizedSVD(rank: width, iterations: 1, probes: 1)
    let sum = FactorOperator([FactorOperator.Factor(d: left, x: right), factor])
    let found = try svd.decompose(sum, generator: generator.stream(count)).triplets
    count += 1
    // Each side gets the root of each singular value.
    let roots = found.values.map { $0.squareRoot() }
    left.assign(found.ut.scalingRows(by: roots).values)
    right.assign(found.vt.scalingRows(by: roots).values)
  }

  /// The sum so far, as an operator over this value's memory.
  public var gradient: FactorOperator {
    FactorOperator([FactorOperator.Factor(d: left, x: right)])
  }
}
