/// The seven linear layers of a block, in the order in which everything lists them, with their names in each file format:
/// one table of facts.
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

  /// Name of the module in Hugging Face models: what PEFT's `target_modules` lists.
  public var moduleName: String { "\(shortName)_proj" }

  /// The module's parent in a Hugging Face layer.
  public var moduleParent: String {
    switch self {
    case .query, .key, .value, .output: "self_attn"
    case .gate, .up, .down: "mlp"
    }
  }

  /// The module's path inside a Hugging Face layer.
  public var modulePath: String { "\(moduleParent).\(moduleName)" }

  /// The first projection that reads the same input: q for k and v, gate for up.
  public var inputLeader: Projection {
    switch self {
    case .query, .key, .value: .query
    case .output: .output
    case .gate, .up: .gate
    case .down: .down
    }
  }

  /// From `q`, `q_proj`, `attn_q` and their like.
  public init?(anySpelling name: String) {
    let found = Projection.allCases.first {
      name == $0.shortName || name == $0.moduleName || name == $0.tensorName
    }
    guard let found else { return nil }
    self = found
  }

  /// Name of the base tensor that the adapter of this projection belongs to.
  public func weightName(layer: Int) -> String { "blk.\(layer).\(tensorName).weight" }
}
