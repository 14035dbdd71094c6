/// How adapters start: the values of `--init`.
///
/// Only `loraOne` and `orthogonal` change the model at step 0; an evaluation of the base must
/// run with the adapters off then.
public enum AdapterInitialization: String, Sendable, Hashable, Codable, CaseIterable {
  /// Both factors from the leading singular triplets of the gradient (arXiv 2502.01235).
  case loraOne = "lora-one"
  /// A = V_rᵀ, the row space of the gradient; B = 0.
  case loraOneA = "lora-one-a"
  /// A normal with deviation 1/r, B = 0 (PEFT's "gaussian").
  case gaussian
  /// A uniform in ±1/√in, B = 0 (PEFT's default, Kaiming with a = √5).
  case kaiming
  /// A = leading right singular vectors of the layer's inputs X, B = 0 (arXiv 2410.07170). Forward
  /// only.
  case eva
  /// Random orthonormal directions with the same ‖ΔW₀‖₂ as `loraOne`: the control that tells
  /// direction from magnitude.
  case orthogonal

  /// What has to be measured on the initialisation data before the start can be made.
  public enum Source: Sendable, Hashable {
    case nothing
    /// `G = ∂L/∂W [out, in]`.
    case gradient
    /// `XᵀX [in, in]`, whose singular vectors are the right ones of X.
    case inputs
  }

  public var source: Source {
    switch self {
    case .loraOne, .loraOneA: .gradient
    case .eva: .inputs
    case .gaussian, .kaiming, .orthogonal: .nothing
    }
  }

  /// Whether the start looks at the initialisation data: to measure, or for the loss before and after.
  public var looksAtData: Bool { source != .nothing || !leavesModelUnchanged }

  /// Whether B = 0, so that the model at step 0 is the base.
  public var leavesModelUnchanged: Bool {
    switch self {
    case .loraOne, .orthogonal: false
    case .loraOneA, .gaussian, .kaiming, .eva: true
    }
  }
}

extension AdapterInitialization {
  /// Why a quantized base cannot hold a start that is known from elsewhere; nil for other names. Letter case and hyphens do
  /// not matter.
  ///
  /// LoRA-GA (arXiv 2407.05000), PiSSA (2404.02948), OLoRA (2406.01775) and CorDA (2406.05223) take ΔW₀ out of W, so that
  /// the model at step 0 stays as it was.
  static func reasonAgainst(_ name: String) -> String? {
    let plain = name.lowercased().filter { $0 != "-" && $0 != "_" }
    guard ["loraga", "pissa", "olora", "corda"].contains(plain) else { return nil }
    return "it subtracts its start from the base, an offset that quantized blocks cannot hold"
  }
}
