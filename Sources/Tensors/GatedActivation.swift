internal import CKernels

/// What a gated feed-forward layer does to its gate.
public enum Activation: Sendable, Hashable {
  /// `g / (1 + exp(-g))`: SwiGLU.
  case silu
  /// `½ g (1 + tanh(√(2/π) (g + 0.044715 g³)))`: GeGLU with gelu's tanh form (Hendrycks and Gimpel,
  /// arXiv 1606.08415).
  case geluTanh
}

/// `a = activation(gate) · up`, element by element; all of one type.
public func gatedActivation(
  into a: Matrix, gate: Matrix, up: Matrix, _ activation: Activation
) {
  precondition(a.count == gate.count && gate.count == up.count)
  precondition(a.type == gate.type && gate.type == up.type)
  let kernel = unsafe activation == .silu ? ck_swiglu : ck_geglu
  unsafe kernel(a.pointer, gate.pointer, up.pointer, a.type.code, Int64(a.count))
}

/// Gradients of `gatedActivation`; `dgate` may be `gate` itself and `dup` may be `up` itself.
public func gatedActivationBackward(
  dgate: Matrix, dup: Matrix, da: Matrix, gate: Matrix, up: Matrix, _ activation: Activation
) {
  precondition(da.count == gate.count && gate.count == up.count)
  precondition(dgate.count == gate.count && dup.count == up.count)
  precondition(
    dgate.type == gate.type && dup.type == gate.type && da.type == gate.type
      && up.type == gate.type)
  let kernel = unsafe activation == .silu ? ck_swiglu_backward : ck_geglu_backward
  unsafe kernel(
    dgate.pointer, dup.pointer, da.pointer, gate.pointer, up.pointer, da.type.code,
    Int64(da.count))
}
