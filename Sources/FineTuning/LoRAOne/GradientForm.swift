/// How one matrix's gradient is held while the start is computed, chosen by memory.
public enum GradientForm: String, Sendable, Hashable, Codable {
  /// G [m, n] in float32.
  case dense
  /// X_b [T, n] and D_b [T, m] in bf16.
  case factors

  /// The smaller form: dense if `4mn < 2T(m + n)` bytes.
  public static func smaller(rows: Int, columns: Int, tokens: Int) -> GradientForm {
    let dense = GradientForm.dense.byteCount(rows: rows, columns: columns, tokens: tokens)
    let factors = GradientForm.factors.byteCount(rows: rows, columns: columns, tokens: tokens)
    return dense < factors ? .dense : .factors
  }

  /// Bytes of this form, T = `tokens` over all micro-batches.
  public func byteCount(rows: Int, columns: Int, tokens: Int) -> Int {
    switch self {
    case .dense: 4 * rows * columns
    case .factors: 2 * tokens * (rows + columns)
    }
  }
}
