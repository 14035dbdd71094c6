public import Tensors

/// The number type of activations: the values of `--compute`.
public enum ComputeType: String, Sendable, Hashable, Codable, CaseIterable {
  /// What is fastest without changing results beyond bf16's rounding: bf16 on every processor so far.
  case auto
  case bf16
  case f32

  /// How activations are stored.
  public var storage: ElementType {
    switch self {
    case .auto, .bf16: .bfloat16
    case .f32: .float32
    }
  }
}
