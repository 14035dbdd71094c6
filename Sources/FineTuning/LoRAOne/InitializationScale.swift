/// How large a LoRA-One start is: the values of `--init-scale`.
public enum InitializationScale: String, Sendable, Hashable, Codable, CaseIterable {
  /// ‖B₀A₀‖₂ = 1/γ in every matrix, whatever its gradient.
  case normalized
  /// As `normalized`, then one multiplier for all matrices, picked by the loss of the
  /// initialisation batch (`LineSearch`).
  case linesearch
  /// B₀A₀ = −[G]_r as it is: the step of the theory with rate 1, for the linear set-ups.
  case theory
}
