public import Tensors

/// The pair a matrix's adapter starts from: `ΔW₀ = s · B₀ · A₀`.
public struct AdapterStart: Sendable, Equatable {
  /// A₀ [rank, in].
  public var a: DenseMatrix<Float>
  /// B₀ᵀ [rank, out].
  public var bt: DenseMatrix<Float>
  /// ‖s·B₀A₀‖₂.
  public var norm: Double
  /// One sentence when the start is not what was asked for, else nil.
  public var notice: String?

  public init(a: DenseMatrix<Float>, bt: DenseMatrix<Float>, norm: Double, notice: String? = nil) {
    precondition(a.rows == bt.rows)
    self.a = a
    self.bt = bt
    self.norm = norm
    self.notice = notice
  }

  /// ΔW₀ times `multiplier` (positive), shared evenly between the factors when both are there. A
  /// pair with B = 0 stays as it is.
  public func scaled(by multiplier: Float) -> AdapterStart {
    precondition(multiplier > 0)
    guard norm > 0 else { return self }
    let factor = multiplier.squareRoot()
    return AdapterStart(
      a: a.scaled(by: factor), bt: bt.scaled(by: factor), norm: norm * Double(multiplier),
      notice: notice)
  }
}

/// The matrix an adapter belongs to.
public struct AdaptedMatrix: Sendable, Hashable {
  /// The tensor's name; each name has its own stream of random numbers.
  public var name: String
  /// Output width (m).
  public var rows: Int
  /// Input width (n).
  public var columns: Int
  /// Rank of the pair, at most min(m, n).
  public var rank: Int
  /// s: α/√r or α/r.
  public var scale: Float

  public init(name: String, rows: Int, columns: Int, rank: Int, scale: Float) {
    precondition(rank > 0 && rank <= min(rows, columns))
    self.name = name
    self.rows = rows
    self.columns = columns
    self.rank = rank
    self.scale = scale
  }
}
