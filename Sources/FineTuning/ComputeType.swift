public import Tensors

/// The number type of activations and of products: the values of `--compute`.
public enum ComputeType: String, Sendable, Hashable, Codable, CaseIterable {
  /// Training: `settled`. Elsewhere bf16, so that what is measured is the model.
  case auto
  case bf16
  case f32
  /// Products with the base's weights in 8-bit integers, forward and backward; all else as in bf16.
  case int8

  /// How activations are stored.
  public var storage: ElementType { self == .f32 ? .float32 : .bfloat16 }

  /// What the products with the base's weights are computed in.
  public var arithmetic: ProductArithmetic { self == .int8 ? .int8 : .activations }

  /// What `auto` stands for when training: the fastest on the tier in use of those that learn as well as bf16 does.
  ///
  /// int8 does (Experiments/int8), and whole steps of 8 x 512 tokens are that much faster, measured on Zen 4 by
  /// `scion-bench compute`: 1.2 to 1.4 times with AVX512-BF16 and with AVX2 alone, 2.2 to 2.3 times with AVX-512 and its integer
  /// dot product. With AVX-VNNI nobody has measured it.
  public var settled: ComputeType {
    guard self == .auto else { return self }
    return Processor.trainsFasterInInt8 ? .int8 : .bf16
  }
}
