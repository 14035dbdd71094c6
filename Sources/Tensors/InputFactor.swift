internal import CKernels
internal import CLAPACK

/// What rounding with error feedback knows of the inputs of a weight `[out, in]`: `U [in, in]`, upper triangular with
/// `(H + λ·mean(diag H)·I)⁻¹ = Uᵀ·U`, `H = Σ x·xᵀ` over inputs x (GPTQ, arXiv 2210.17323).
public struct InputFactor: Sendable {
  public let width: Int
  /// λ: the share of H's mean diagonal that was added, more where the factorization asked for it.
  public let damping: Float
  let u: [Float]
  /// H, damped.
  private let gram: DenseMatrix<Float>

  /// - Parameters:
  ///   - gram: H `[in, in]`, symmetric.
  ///   - damping: the least λ; it grows tenfold, up to 1, until the factorization succeeds.
  ///
  /// Throws `TensorError.noConvergence` when H is not finite.
  public init(gram: DenseMatrix<Float>, damping: Float = 1e-2) throws(TensorError) {
    precondition(gram.rows == gram.columns && gram.rows > 0)
    width = gram.rows
    let mean = (0..<gram.rows).reduce(0) { $0 + Double(gram[$1, $1]) } / Double(gram.rows)
    // Inputs that are all zero tell nothing: every column counts the same.
    let unit = mean > 0 ? Float(mean) : 1
    var (lambda, failure) = (damping, TensorError?.none)
    while lambda <= 1 {
      var damped = gram
      for index in 0..<width { damped[index, index] += lambda * unit }
      var factor = damped.values
      do {
        try Float.factorOfInverse(&factor, size: width)
        (self.damping, u, self.gram) = (lambda, factor, damped)
        return
      } catch {
        failure = error
        lambda *= 10
      }
    }
    throw failure ?? .noConvergence(routine: "potrf", info: 1)
  }

  /// `Σ ‖M·x‖²` over the inputs (damped) of `M = b·a`, given `bt [rank, out]` and `a [rank, in]`.
  public func squaredEffect(bt: DenseMatrix<Float>, a: DenseMatrix<Float>) -> Double {
    let inner = a.times(gram).times(a, transposeOther: true)
    return inner.innerProduct(bt.gramOfRows())
  }

  /// `Σ ‖M·x‖²` over the inputs (damped) of `M [out, in]`.
  public func squaredEffect(of matrix: DenseMatrix<Float>) -> Double {
    matrix.times(gram).innerProduct(matrix)
  }
}

extension BlockFormat {
  /// Whether rows can be rounded to it with error feedback.
  public var hasFeedback: Bool { isEncodable && ck_has_feedback(code) != 0 }

  /// Bits of the file for each value, scales included: 8.5 of Q8_0.
  public var bitsPerValue: Double { Double(8 * blockByteCount) / Double(blockLength) }
}

extension Codec {
  /// The blocks of `values [rows, columns]`, rounded with error feedback: what a column loses is made good by those after it.
  ///
  /// - Parameters:
  ///   - base: the weight whose rows `first…` these rows take the place of, in the same format: its scales are tried too.
  /// - Returns: bytes, and `Σ ‖(Q − T)·x‖²` over the inputs.
  ///
  /// `columns` must be whole blocks and `format.hasFeedback`.
  public static func encode(
    _ values: [Float], as format: BlockFormat, columns: Int, feedback: InputFactor,
    base: (matrix: QuantizedMatrix, first: Int)?
  ) -> (bytes: [UInt8], error: Double) {
    precondition(format.hasFeedback && columns == feedback.width)
    precondition(columns % format.blockLength == 0 && values.count % columns == 0)
    let rows = values.count / columns
    guard rows > 0 else { return ([], 0) }
    if let base {
      precondition(base.matrix.format == format && base.matrix.columns == columns)
      precondition(base.first >= 0 && base.first + rows <= base.matrix.rows)
    }
    var errors = [Double](repeating: 0, count: (rows + 15) / 16)
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: format.rowByteCount(values.count)) {
      buffer, count in
      let own = unsafe base.map { unsafe UnsafeRawPointer($0.matrix.rowPointer($0.first)) }
      unsafe ck_quantize_with_feedback(
        buffer.baseAddress, &errors, values, feedback.u, own, format.code, Int64(rows),
        Int64(columns))
      count = format.rowByteCount(values.count)
    }
    return (bytes, errors.reduce(0, +))
  }
}
