public import Tensors

/// How one matrix's gradient is held while the start is computed, chosen by memory.
public enum GradientForm: String, Sendable, Hashable, Codable {
  /// G [m, n] in float32.
  case dense
  /// X_b [T, n] and D_b [T, m] in the activations' type.
  case factors
  /// The leading part alone, renewed after each micro-batch (`IncrementalGradient`): not exact, the last resort.
  case incremental

  /// The smaller exact form: dense if `4mn < b·T(m + n)` bytes, b bytes an activation.
  public static func smaller(
    rows: Int, columns: Int, tokens: Int, storage: ElementType
  ) -> GradientForm {
    let sizes = [GradientForm.dense, .factors].map {
      $0.byteCount(rows: rows, columns: columns, tokens: tokens, storage: storage, rank: 1)
    }
    return sizes[0] < sizes[1] ? .dense : .factors
  }

  /// Bytes of this form, T = `tokens` over all micro-batches; `rank`, the adapter's, decides the incremental form alone.
  public func byteCount(
    rows: Int, columns: Int, tokens: Int, storage: ElementType, rank: Int
  ) -> Int {
    switch self {
    case .dense: 4 * rows * columns
    case .factors: storage.byteCount * tokens * (rows + columns)
    case .incremental:
      4 * IncrementalGradient.width(rows: rows, columns: columns, rank: rank) * (rows + columns)
    }
  }
}
