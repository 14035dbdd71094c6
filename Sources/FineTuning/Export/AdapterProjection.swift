/// The linear layers of a block that can have adapters, with their names in each file format: one table of facts.
public enum AdapterProjection: String, Sendable, Hashable, CaseIterable, Codable {
  case q, k, v, o, gate, up, down

  /// Name inside a GGUF block: `blk.N.<name>.weight`.
  public var ggufName: String {
    switch self {
    case .q: "attn_q"
    case .k: "attn_k"
    case .v: "attn_v"
    case .o: "attn_output"
    case .gate: "ffn_gate"
    case .up: "ffn_up"
    case .down: "ffn_down"
    }
  }

  /// Name of the module in Hugging Face models: what PEFT's `target_modules` lists.
  public var moduleName: String { "\(rawValue)_proj" }

  /// The module's parent in Hugging Face models.
  public var moduleParent: String {
    switch self {
    case .q, .k, .v, .o: "self_attn"
    case .gate, .up, .down: "mlp"
    }
  }

  /// The GGUF tensor of this projection in block `layer`.
  public func tensorName(layer: Int) -> String { "blk.\(layer).\(ggufName).weight" }

  /// From `q`, `q_proj`, `attn_q` and their like.
  public init?(anySpelling name: String) {
    let found = Self.allCases.first {
      name == $0.rawValue || name == $0.moduleName || name == $0.ggufName
    }
    guard let found else { return nil }
    self = found
  }
}
