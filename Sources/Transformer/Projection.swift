/// The seven linear layers of a block, in the order in which everything lists them.
public enum Projection: Int, Sendable, Hashable, CaseIterable, Codable {
  case query, key, value, output, gate, up, down

  /// Short name, as in `--targets` (`q,k,v,o,gate,up,down`).
  public var shortName: String {
    switch self {
    case .query: "q"
    case .key: "k"
    case .value: "v"
    case .output: "o"
    case .gate: "gate"
    case .up: "up"
    case .down: "down"
    }
  }

  /// The part of a GGUF tensor's name between `blk.N.` and `.weight`.
  public var tensorName: String {
    switch self {
    case .query: "attn_q"
    case .key: "attn_k"
    case .value: "attn_v"
    case .output: "attn_output"
    case .gate: "ffn_gate"
    case .up: "ffn_up"
    case .down: "ffn_down"
    }
  }

  /// The module's path inside a Hugging Face layer.
  public var moduleName: String {
    switch self {
    case .query: "self_attn.q_proj"
    case .key: "self_attn.k_proj"
    case .value: "self_attn.v_proj"
    case .output: "self_attn.o_proj"
    case .gate: "mlp.gate_proj"
    case .up: "mlp.up_proj"
    case .down: "mlp.down_proj"
    }
  }

  public init?(shortName: String) {
    guard let match = Projection.allCases.first(where: { $0.shortName == shortName }) else {
      return nil
    }
    self = match
  }

  /// Name of the base tensor that the adapter of this projection belongs to.
  public func weightName(layer: Int) -> String { "blk.\(layer).\(tensorName).weight" }
}
