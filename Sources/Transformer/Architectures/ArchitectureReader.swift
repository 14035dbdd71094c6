internal import ModelFiles
internal import Tensors

/// Reads the settings of one model file, checked, and remembers which: what nobody asked for is refused at the end.
///
/// Keys are given without the architecture's name before them.
struct ArchitectureReader {
  let file: GGUFFile
  let architecture: String
  /// Tensors whose values are part of the configuration.
  private(set) var usedTensors: Set<String> = []
  /// What the user should know about settings that are left aside on purpose, a sentence each.
  private(set) var notices: [String] = []
  private var usedKeys: Set<String> = []

  init(_ file: GGUFFile, architecture: String) {
    self.file = file
    self.architecture = architecture
  }

  func key(_ name: String) -> String { "\(architecture).\(name)" }

  /// Whether the file has the setting.
  func has(_ name: String) -> Bool { file.metadata[key(name)] != nil }

  func unusable(_ name: String, _ reason: String) -> TransformerError {
    let value = file.metadata[key(name)].map { "\($0.summary)" } ?? "nothing"
    return .unusableMetadata(key: key(name), value: value, reason: reason)
  }

  // MARK: - Typed settings

  /// A size from 1 to 2²⁴.
  mutating func size(
    _ name: String, default fallback: Int? = nil
  ) throws(TransformerError) -> Int {
    usedKeys.insert(key(name))
    guard file.metadata[key(name)] != nil else {
      guard let fallback else { throw .missingMetadata(key: key(name)) }
      return fallback
    }
    guard let value = file.metadata.int(key(name)), value > 0, value <= 1 << 24 else {
      throw unusable(name, "a positive whole number up to 16777216 is expected")
    }
    return value
  }

  /// A finite number above zero, large enough to divide by.
  mutating func number(
    _ name: String, default fallback: Float? = nil
  ) throws(TransformerError) -> Float {
    usedKeys.insert(key(name))
    guard file.metadata[key(name)] != nil else {
      guard let fallback else { throw .missingMetadata(key: key(name)) }
      return fallback
    }
    guard let value = file.metadata.float(key(name)), value.isNormal, value > 0 else {
      throw unusable(name, "a positive number is expected")
    }
    return value
  }

  /// The base of the rotation's frequencies: a number above one.
  mutating func base(_ name: String) throws(TransformerError) -> Float {
    let value = try number(name, default: 10_000)
    guard value > 1 else { throw unusable(name, "a number above 1 is expected") }
    return value
  }

  /// A finite number above zero where the file has one; zero, which switches the setting off, and absence are nil.
  mutating func optionalNumber(_ name: String) throws(TransformerError) -> Float? {
    if file.metadata.float(key(name)) == 0 {
      usedKeys.insert(key(name))
      return nil
    }
    return has(name) ? try number(name) : nil
  }

  mutating func flag(_ name: String, default fallback: Bool) throws(TransformerError) -> Bool {
    usedKeys.insert(key(name))
    guard has(name) else { return fallback }
    guard let value = file.metadata.bool(key(name)) else {
      throw unusable(name, "true or false is expected")
    }
    return value
  }

  mutating func string(_ name: String) throws(TransformerError) -> String? {
    usedKeys.insert(key(name))
    guard has(name) else { return nil }
    guard let value = file.metadata.string(key(name)) else {
      throw unusable(name, "a word is expected")
    }
    return value
  }

  /// `frequencies` divided by the values of a one-dimensional tensor (Llama 3's ramp, LongRoPE's factors: arXiv 2402.13753); nil
  /// when the file has none.
  mutating func divide(
    _ frequencies: [Float], by tensor: String
  ) throws(TransformerError) -> [Float]? {
    guard let found = file.tensor(tensor) else { return nil }
    usedTensors.insert(tensor)
    guard let divisors = try? file.vector(tensor), divisors.count == frequencies.count else {
      throw .wrongShape(tensor: tensor, expected: [frequencies.count], found: found.dimensions)
    }
    guard divisors.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw .unusableTensor(name: tensor, reason: "positive numbers are expected")
    }
    let divided = zip(frequencies, divisors).map { $0 / $1 }
    guard RotaryTable.tellsPositions(divided) else {
      throw .unusableTensor(name: tensor, reason: "heads would turn too fast to tell positions")
    }
    return divided
  }

  /// Which layers see only a window: the key is a period (the last of each is global) or one flag a layer (true: a window).
  mutating func localLayers(
    _ count: Int, period fallback: Int
  ) throws(TransformerError) -> [Bool] {
    let name = "attention.sliding_window_pattern"
    if case .array(.bool(let flags))? = file.metadata[key(name)] {
      usedKeys.insert(key(name))
      guard flags.count >= count else {
        throw unusable(name, "one flag for each of the \(count) layers is expected")
      }
      return Array(flags.prefix(count))
    }
    let period = try size(name, default: fallback)
    return (0..<count).map { $0 % period < period - 1 }
  }

  // MARK: - What is left

  /// A setting that has no effect where `isNeutral`; any other value is refused, unless the setting has been read.
  mutating func expect(
    _ name: String, _ isNeutral: (GGUFValue) -> Bool
  ) throws(TransformerError) {
    guard let value = file.metadata[key(name)], !usedKeys.contains(key(name)) else { return }
    usedKeys.insert(key(name))
    guard isNeutral(value) else {
      throw .unusedSetting(key: key(name), value: value.summary)
    }
  }

  /// A window that the architecture's files may name and llama.cpp does not apply: neither does Scion, and says so.
  mutating func leaveWindowAside(context: Int) throws(TransformerError) {
    let name = "attention.sliding_window"
    usedKeys.insert(key(name))
    guard has(name) else { return }
    guard let window = file.metadata.int(key(name)), window >= 0 else {
      throw unusable(name, "a whole number is expected")
    }
    guard window > 0, window < context else { return }
    notices.append(
      "\(key(name)) = \(window) is not applied, as in llama.cpp: sequences of more than \(window) tokens attend to "
        + "all of them")
  }

  /// Refuses settings of the architecture that nobody has asked for, unless they say nothing or have no effect.
  mutating func checkRest() throws(TransformerError) {
    for name in Self.descriptive { usedKeys.insert(key(name)) }
    for (name, isNeutral) in Self.neutral { try expect(name, isNeutral) }
    for found in file.metadata.keys
    where found.hasPrefix("\(architecture).") && !usedKeys.contains(found) {
      throw .unusedSetting(key: found, value: file.metadata[found]?.summary ?? "")
    }
  }

  /// Settings that describe and change nothing: the embedding's rows say how large the vocabulary is.
  private static let descriptive = [
    "vocab_size", "tensor_data_layout", "rope.scaling.finetuned",
    "attention.layer_norm_rms_epsilon",
    "attention.layer_norm_epsilon",
  ]

  private typealias Neutral = (name: String, isNeutral: @Sendable (GGUFValue) -> Bool)

  /// Settings of other models that some converters write for all, and where they have no effect.
  private static let neutral: [Neutral] = [
    ("attention.causal", { $0.boolean == true }),
    ("use_parallel_residual", { $0.boolean == false }),
    ("attention.clamp_kqv", { $0.float == 0 }),
    ("attention.max_alibi_bias", { $0.float == 0 }),
    ("attention.group_norm_groups", { $0.float == 0 }),
    ("pooling_type", { $0.integer == 0 }),
    ("expert_count", { $0.integer == 0 }),
    ("expert_used_count", { $0.integer == 0 }),
    ("expert_shared_count", { $0.integer == 0 }),
    ("expert_weights_scale", { $0.float == 0 || $0.float == 1 }),
    ("leading_dense_block_count", { $0.integer == 0 }),
    ("rope.scaling.yarn_log_multiplier", { $0.float == 0 }),
    ("rope.scaling.yarn_beta_fast", { $0.float == 32 }),
    ("rope.scaling.yarn_beta_slow", { $0.float == 1 }),
    ("rope.scaling.yarn_ext_factor", { $0.float == 1 || $0.float == -1 }),
  ]
}
