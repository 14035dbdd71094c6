/// `adapter_config.json` of Hugging Face PEFT, as far as a plain LoRA adapter has it.
struct PEFTConfiguration: Codable, Equatable {
  var peftType = "LORA"
  var taskType: String? = "CAUSAL_LM"
  var baseModel: String?
  var rank: Int
  var alpha: Float
  var dropout: Float? = 0
  var targetModules: Names
  var bias: String? = "none"
  var usesRankStabilization: Bool?
  var usesDoRA: Bool? = false
  var fanInFanOut: Bool? = false
  var inferenceMode: Bool? = true
  var modulesToSave: [String]?
  var rankPattern: [String: Int]? = [:]
  var alphaPattern: [String: Float]? = [:]
  var initialization: Initialization? = .flag(true)
  var layerReplication: [[Int]]?
  var invocationTokens: [Int]?
  var usesQALoRA: Bool?

  enum CodingKeys: String, CodingKey {
    case peftType = "peft_type"
    case taskType = "task_type"
    case baseModel = "base_model_name_or_path"
    case rank = "r"
    case alpha = "lora_alpha"
    case dropout = "lora_dropout"
    case targetModules = "target_modules"
    case bias
    case usesRankStabilization = "use_rslora"
    case usesDoRA = "use_dora"
    case fanInFanOut = "fan_in_fan_out"
    case inferenceMode = "inference_mode"
    case modulesToSave = "modules_to_save"
    case rankPattern = "rank_pattern"
    case alphaPattern = "alpha_pattern"
    case initialization = "init_lora_weights"
    case layerReplication = "layer_replication"
    case invocationTokens = "alora_invocation_tokens"
    case usesQALoRA = "use_qalora"
  }

  /// A list of names, or one name or regular expression.
  enum Names: Codable, Equatable {
    case list([String])
    case expression(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let list = try? container.decode([String].self) {
        self = .list(list)
      } else {
        self = .expression(try container.decode(String.self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .list(let names): try container.encode(names)
      case .expression(let text): try container.encode(text)
      }
    }
  }

  /// True, false, or the name of a method that training began with. Some methods take their start out of the base's weights;
  /// PEFT writes true once such an adapter is converted to one for the base as it was.
  enum Initialization: Codable, Equatable {
    case flag(Bool)
    case method(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        self = .flag(flag)
      } else {
        self = .method(try container.decode(String.self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .flag(let flag): try container.encode(flag)
      case .method(let name): try container.encode(name)
      }
    }
  }

  /// The rank that a module is said to have: that of the first key of `rank_pattern`, a regular expression, that matches the end
  /// of its path behind a dot (PEFT's `get_pattern_key`), or `r`.
  func rank(of modulePath: String) -> Int {
    let path = "model.\(modulePath)"
    let match = (rankPattern ?? [:]).sorted { $0.key < $1.key }.first { key, _ in
      if path == key || path.hasSuffix(".\(key)") || key.hasSuffix(".\(path)") { return true }
      guard let expression = try? Regex("(.*\\.)?(\(key))") else { return false }
      return path.wholeMatch(of: expression) != nil
    }
    return match?.value ?? rank
  }

  /// The first setting that is no plain LoRA, as (key, value).
  var unsupportedSetting: (key: String, value: String)? {
    if peftType != "LORA" { return ("peft_type", peftType) }
    if rank < 1 { return ("r", "\(rank)") }
    if !alpha.isFinite { return ("lora_alpha", "\(alpha)") }
    if usesDoRA == true { return ("use_dora", "true") }
    if fanInFanOut == true { return ("fan_in_fan_out", "true") }
    if let bias, bias != "none" { return ("bias", bias) }
    if let modulesToSave, !modulesToSave.isEmpty {
      return ("modules_to_save", modulesToSave.joined(separator: ", "))
    }
    if let alphaPattern, !alphaPattern.isEmpty {
      return ("alpha_pattern", alphaPattern.keys.sorted().joined(separator: ", "))
    }
    if let layerReplication { return ("layer_replication", "\(layerReplication)") }
    if let invocationTokens { return ("alora_invocation_tokens", "\(invocationTokens)") }
    if usesQALoRA == true { return ("use_qalora", "true") }
    if case .method(let name)? = initialization, !Self.keepsBase.contains(name.lowercased()) {
      return ("init_lora_weights", name)
    }
    return nil
  }

  /// Methods of starting that leave the base's weights as they are.
  private static let keepsBase: Set = ["gaussian", "eva", "orthogonal"]
}
