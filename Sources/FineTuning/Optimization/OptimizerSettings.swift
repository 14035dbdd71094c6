public import Tensors
public import Transformer

/// The rule by which adapters change: the values of `--optimizer`.
public enum OptimizerRule: String, Sendable, Hashable, Codable, CaseIterable {
  /// AdamW (arXiv 1711.05101).
  case adamW = "adamw"
  /// AdamW on the scaled gradient of each pair (`Preconditioner`, arXiv 2402.02347).
  case scaledAdamW = "scaled-adamw"
  /// Gradient descent.
  case gradientDescent = "sgd"
  /// Gradient descent on the scaled gradient of each pair.
  case scaledGradientDescent = "scaled-gd"

  /// Whether gradients go through the `Preconditioner` first.
  public var isScaled: Bool { self == .scaledAdamW || self == .scaledGradientDescent }

  public var hasMoments: Bool { self == .adamW || self == .scaledAdamW }
}

/// Everything that decides how adapters change and what keeping them takes.
public struct OptimizerSettings: Sendable, Hashable {
  public var rule = OptimizerRule.adamW
  /// Relative damping of the scaled gradients.
  public var damping: Float = 1e-2
  /// Learning rate of B over that of A (LoRA+, arXiv 2402.12354).
  public var loraPlus: Float = 1
  /// A stays as it starts (LoRA-FA, arXiv 2308.03303).
  public var freezesA = false
  public var precision = ParameterPrecision.splitFloat32
  public var moments = MomentPrecision.float32
  /// Decoupled weight decay.
  public var weightDecay: Float = 0
  /// Share of the values of adapters' inputs that a step drops (`Dropout`).
  public var dropout: Float = 0
  /// Seed of what is rounded at random.
  public var seed: UInt64 = 0

  public init() {}

  /// Bytes of the optimizer's state: the moments of what is trained.
  public func stateByteCount(_ layout: AdapterLayout) -> Int {
    guard rule.hasMoments else { return 0 }
    return Moments.byteCount(
      count: layout.trained(freezesA: freezesA).count, precision: moments)
  }

  /// Bytes of working space: while a pair's gradient is scaled, copies of its factor and gradient, the result, and three
  /// matrices of r × r.
  public func scratchByteCount(_ layout: AdapterLayout) -> Int {
    guard rule.isScaled else { return 0 }
    return layout.slots.map { slot in
      4 * slot.rank * (4 * max(slot.in, slot.out) + 3 * slot.rank)
    }.max() ?? 0
  }
}
