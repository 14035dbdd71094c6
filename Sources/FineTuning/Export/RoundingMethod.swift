/// How a merged weight is rounded to the blocks of its format: the values of `merge --method`.
public enum RoundingMethod: String, Sendable, CaseIterable {
  /// Each value to the nearest point of its block's grid.
  case round
  /// With error feedback over the inputs that the layer sees.
  case feedback
}
