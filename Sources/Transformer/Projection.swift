/// The linear layers of a block, in the order in which everything lists them, with their names in each file format: one
/// table of facts. A model has some of them (`ModelConfiguration.projections`): queries, keys and values in three tensors
/// or fused in one, gate and up in two or in one.
public enum Projection: Int, Sendable, Hashable, CaseIterable, Codable {
  case query = 0
  case key = 1
  case value = 2
  /// Rows of q, then k, then v in one tensor.
  case queryKeyValue = 7
  case output = 3
  case gate = 4
  case up = 5
  /// Rows of gate, then up in one tensor.
  case gateUp = 8
  case down = 6
  /// A stack of matrices, one for each expert.
  case gateExperts = 9
  case upExperts = 10
  case downExperts = 11

  /// Places in an array indexed by `rawValue`.
  static let indexCount = 12

  /// Whether it is a stack of matrices, each with a pair of its own.
  public var isExpert: Bool { [.gateExperts, .upExperts, .downExperts].contains(self) }

  /// Short name, as in `--targets` (`q,k,v,o,gate,up,down`).
  public var shortName: String {
    switch self {
    case .query: "q"
    case .key: "k"
    case .value: "v"
    case .queryKeyValue: "qkv"
    case .output: "o"
    case .gate: "gate"
    case .up: "up"
    case .gateUp: "gate_up"
    case .down: "down"
    case .gateExperts: "gate_exps"
    case .upExperts: "up_exps"
    case .downExperts: "down_exps"
    }
  }

  /// The part of a GGUF tensor's name between `blk.N.` and `.weight`. A model that fuses gate and up calls the tensor
  /// `ffn_up` and has no other of that name: look names up among its own projections.
  public var tensorName: String {
    switch self {
    case .query: "attn_q"
    case .key: "attn_k"
    case .value: "attn_v"
    case .queryKeyValue: "attn_qkv"
    case .output: "attn_output"
    case .gate: "ffn_gate"
    case .up, .gateUp: "ffn_up"
    case .down: "ffn_down"
    case .gateExperts: "ffn_gate_exps"
    case .upExperts: "ffn_up_exps"
    case .downExperts: "ffn_down_exps"
    }
  }

  /// Name of the module in Hugging Face models: what PEFT's `target_modules` lists.
  public var moduleName: String { "\(shortName)_proj" }

  /// The module's parent in a Hugging Face layer.
  public var moduleParent: String {
    switch self {
    case .query, .key, .value, .queryKeyValue, .output: "self_attn"
    case .gate, .up, .gateUp, .down: "mlp"
    case .gateExperts, .upExperts, .downExperts: "mlp.experts"
    }
  }

  /// The module's path inside a Hugging Face layer.
  public var modulePath: String { "\(moduleParent).\(moduleName)" }

  /// The first projection that reads the same input: q for k and v, gate for up.
  public var inputLeader: Projection {
    switch self {
    case .query, .key, .value: .query
    case .queryKeyValue: .queryKeyValue
    case .output: .output
    case .gate, .up: .gate
    case .gateUp: .gateUp
    case .down: .down
    case .gateExperts, .upExperts: .gateExperts
    case .downExperts: .downExperts
    }
  }

  /// The projections whose rows a fused one holds, in order; none for the others.
  public var parts: [Projection] {
    switch self {
    case .queryKeyValue: [.query, .key, .value]
    case .gateUp: [.gate, .up]
    default: []
    }
  }

  /// From `q`, `q_proj`, `attn_q` and their like; of a shared name the separate projection.
  public init?(anySpelling name: String) {
    let found = Projection.allCases.first {
      name == $0.shortName || name == $0.moduleName || name == $0.tensorName
    }
    guard let found else { return nil }
    self = found
  }

  /// Name of the base tensor that the adapter of this projection belongs to.
  public func weightName(layer: Int) -> String { "blk.\(layer).\(tensorName).weight" }

  /// Name of the base tensor with the bias of this projection's output.
  public func biasName(layer: Int) -> String { "blk.\(layer).\(tensorName).bias" }
}
