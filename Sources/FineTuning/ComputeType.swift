public import Tensors

/// The number type of activations and of products: the values of `--compute`.
public enum ComputeType: String, Sendable, Hashable, Codable, CaseIterable {
  /// What is fastest without changing results beyond bf16's rounding: bf16 on every processor so far.
  case auto
  case bf16
  case f32
  /// Products with the base's weights in 8-bit integers, forward and backward; all else as in bf16.
  case int8

  /// How activations are stored.
  public var storage: ElementType {
    switch self {
    case .auto, .bf16: .bfloat16
    case .f32: .float32
    case .int8: Processor.instructionSet.hasBFloat16Product ? .bfloat16 : .float32
    }
  }

  /// What the products with the base's weights are computed in.
  public var arithmetic: ProductArithmetic { self == .int8 ? .int8 : .activations }
}
