import ModelFiles

/// Settings that no model file may have, by key without the architecture's name before it.
struct HostileSetting: Sendable {
  let key: String
  /// nil: the key is missing.
  let value: GGUFValue?

  static let notWholeNumbers: [GGUFValue?] = [
    .string("4"), .bool(true), .array(.int32([4, 4])), .float32(4), .uint64(.max), .int32(-4),
    .uint32(0), .uint32(1 << 24 + 1),
  ]
  static let notNumbers: [GGUFValue?] = [
    .string("1"), .bool(true), .array(.float32([1, 1])), .float32(.nan), .float32(.infinity),
    .float32(-1), .float32(.leastNonzeroMagnitude), .float64(1e300), .float64(-1e300),
  ]
  static let notPositive: [GGUFValue?] =
    notNumbers + [.float32(0), .int32(0), .float64(1e-300)]

  /// Of one architecture. Keys with which only some begin are left out for the others, which do not know them.
  static func all(_ architecture: String, headSize: Int) -> [HostileSetting] {
    var table: [String: [GGUFValue?]] = [
      "block_count": notWholeNumbers + [nil, .uint32(1 << 24)],
      "embedding_length": notWholeNumbers + [nil],
      "context_length": notWholeNumbers,
      "feed_forward_length": notWholeNumbers + (architecture.hasSuffix("moe") ? [] : [nil]),
      "attention.head_count": notWholeNumbers + [nil],
      "attention.head_count_kv": notWholeNumbers + [.uint32(3), .uint32(8)],
      "attention.key_length": notWholeNumbers + [.uint32(15), .uint32(2048), .uint32(1 << 24)],
      "attention.value_length": notWholeNumbers + [.uint32(15), .uint32(2048)],
      epsilon(architecture): notPositive + [nil],
      "rope.freq_base": notPositive + [.float32(1), .float32(0.5)],
      "rope.dimension_count": notWholeNumbers + [
        .uint32(3), .uint32(UInt32(headSize + 2)), .uint32(1 << 24),
      ],
      "rope.scaling.type": [.string("su"), .string(""), .uint32(1), .array(.string(["linear"]))],
      "rope.scaling.factor": notPositive,
      "rope.scale_linear": notPositive,
      "rope.scaling.original_context_length": notWholeNumbers,
      "rope.scaling.attn_factor": notPositive,
      "rope.scaling.yarn_attn_factor": [.float32(.nan), .float32(7), .string("1")],
      // Known and not supported, or not known.
      "frobnicate": [.uint32(1), .string("a\nb"), .array(.bool([true]))],
      "attention.causal": [.bool(false), .uint32(1)],
      "use_parallel_residual": [.bool(true), .string("no")],
      "attention.clamp_kqv": [.float32(8), .float32(.nan)],
      "attention.max_alibi_bias": [.float32(8)],
      "attention.relative_buckets_count": [.uint32(32)],
      "expert_shared_count": [.uint32(1)],
      "expert_weights_scale": [.float32(2.5)],
      "leading_dense_block_count": [.uint32(1)],
      "rope.scaling.yarn_ext_factor": [.float32(0), .float32(.nan)],
    ]
    for (key, values) in own[architecture] ?? [:] { table[key] = values }
    if !["phi3", "stablelm"].contains(architecture) {
      table["rope.dimension_count"]?.append(.uint32(UInt32(headSize - 2)))
    }
    if !architecture.hasSuffix("moe") { table["expert_count"] = [.uint32(8)] }
    return table.sorted { $0.key < $1.key }.flatMap { key, values in
      values.map { HostileSetting(key: key, value: $0) }
    }
  }

  static func epsilon(_ architecture: String) -> String {
    architecture == "stablelm"
      ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"
  }

  private static let window = notWholeNumbers
  private static let asideWindow: [GGUFValue?] = [
    .string("4"), .bool(true), .float32(4), .int32(-4), .array(.int32([4])), .uint64(.max),
  ]
  private static let pattern: [GGUFValue?] = [
    .uint32(0), .string("2"), .array(.bool([true])), .array(.int32([1, 1, 1, 1, 1, 1])),
    .array(.bool([])),
  ]

  private static let experts: [String: [GGUFValue?]] = [
    "expert_count": notWholeNumbers + [nil],
    "expert_used_count": notWholeNumbers + [nil, .uint32(9)],
    "expert_feed_forward_length": notWholeNumbers,
  ]
  private static let granite: [String: [GGUFValue?]] = [
    "attention.scale": notNumbers, "residual_scale": notNumbers, "embedding_scale": notNumbers,
    "logit_scale": notPositive + [nil],
    "rope.scaling.finetuned": [.uint32(1), .string("true")],
  ]

  /// Keys that only some architectures read.
  private static let own: [String: [String: [GGUFValue?]]] = [
    "llama": ["attention.sliding_window": asideWindow],
    "mistral3": [
      "attention.sliding_window": asideWindow, "attention.temperature_scale": notNumbers,
      "rope.scaling.yarn_beta_fast": notPositive, "rope.scaling.yarn_beta_slow": notPositive,
      "rope.scaling.yarn_log_multiplier": notNumbers,
    ],
    "qwen2": ["attention.sliding_window": asideWindow],
    "phi3": ["attention.sliding_window": asideWindow],
    "qwen3": ["attention.sliding_window": [.uint32(16)]],
    "qwen3moe": experts,
    "gemma2": [
      "attention.sliding_window": window, "attention.sliding_window_pattern": pattern,
      "attn_logit_softcapping": notPositive, "final_logit_softcapping": notPositive,
      "rope.freq_base_swa": [.float32(123), .float32(.nan), .string("10000")],
    ],
    "gemma3": [
      "attention.sliding_window": window + [nil], "attention.sliding_window_pattern": pattern,
      "final_logit_softcapping": notNumbers,
      "rope.freq_base_swa": notPositive + [.float32(1), .float32(0.5)],
    ],
    "olmo2": [
      "attention.sliding_window": window, "attention.sliding_window_pattern": pattern,
      "rope.freq_base_swa": [.float32(123), .float32(.nan)],
    ],
    "granite": granite,
    "granitemoe": granite.merging(experts) { $1 },
  ]

  /// Settings that are possible, but not with these tensors.
  static func contradictions(
    _ architecture: String, layers: Int, headSize: Int
  ) -> [HostileSetting] {
    var table: [(String, Int)] = [
      ("block_count", layers - 1), ("block_count", layers + 1), ("embedding_length", 128),
      ("embedding_length", 32), ("attention.head_count", 3), ("attention.head_count", 8),
      ("attention.head_count", 128), ("attention.head_count_kv", 4),
      ("attention.key_length", headSize + 2), ("attention.value_length", headSize + 2),
    ]
    if architecture.hasSuffix("moe") {
      table += [
        ("expert_count", 16), ("expert_count", 4), ("expert_count", 1 << 24),
        ("expert_feed_forward_length", 16),
      ]
    } else {
      table += [("feed_forward_length", 95), ("feed_forward_length", 1 << 24)]
    }
    return table.map { HostileSetting(key: $0, value: .uint32(UInt32($1))) }
  }
}
