internal import ModelFiles
internal import Tensors

// The settings that all decoders share, read into a plain one: pre-norms, SiLU, full attention. An architecture changes
// what it does otherwise.

extension ArchitectureReader {
  /// Which pairs of a head the rotation turns, which goes with the order of the rows of q and k.
  enum RotationPairs { case neighbours, halves }

  /// What `decoder` is told about an architecture.
  struct Traits {
    var pairs: RotationPairs
    /// Heads may be rotated in part.
    var rotatesPart = false
    /// Whether divisors of the frequencies are read from the file's tensors.
    var readsFactors = false
    /// Projections that have a bias where the file has one.
    var biases: Set<Projection> = [.query, .key, .value, .queryKeyValue]
    var normalization = Normalization.rootMeanSquare
    /// Gate and up are one tensor.
    var fusesGateUp = false
    /// Every feed-forward part is a set of experts. Where the file does not give their width, it is that of the feed-forward
    /// part (`whole`), or its share of the experts used (`shared`).
    var experts: ExpertWidth?

    enum ExpertWidth { case whole, shared }

    var hasExperts: Bool { experts != nil }
  }

  /// The sizes, norms, projections, biases and the rotation of a plain decoder.
  mutating func decoder(_ traits: Traits) throws(TransformerError) -> ModelConfiguration {
    let layerCount = try size("block_count")
    guard layerCount <= file.tensors.count else {
      throw unusable("block_count", "the file has only \(file.tensors.count) tensors")
    }
    let width = try size("embedding_length")
    let contextLength = try size("context_length", default: 2048)
    let experts: ExpertShape? = if let kind = traits.experts { try readExperts(kind) } else { nil }
    let feedForwardWidth =
      if let experts { experts.width } else { try size("feed_forward_length") }
    let attention = try readAttention(width: width)
    let epsilon = try number(
      traits.normalization == .layer
        ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon")

    var layer = LayerShape(attention: attention, rotary: nil)
    layer.experts = experts
    let rotation = try rotation(traits, headSize: attention.size, context: contextLength)
    layer.rotary = rotation.table
    layer.longRotary = rotation.long

    let (projections, vocabularySize) = (projections(traits), try readVocabulary())
    var configuration = ModelConfiguration(
      architecture: architecture, name: file.metadata.string("general.name") ?? architecture,
      width: width, feedForwardWidth: feedForwardWidth, vocabularySize: vocabularySize,
      contextLength: contextLength, layers: Array(repeating: layer, count: layerCount),
      projections: projections, normEpsilon: epsilon, tiedHead: !file.has("output.weight"))
    configuration.normalization = traits.normalization
    configuration.permutesQueryKeyRows = traits.pairs == .neighbours
    configuration.originalContext = rotation.long == nil ? nil : rotation.originalContext
    for index in 0..<layerCount {
      configuration.layers[index].biases = traits.biases.filter {
        projections.contains($0) && file.has($0.biasName(layer: index))
      }
    }
    return configuration
  }

  private func projections(_ traits: Traits) -> [Projection] {
    let isFused = file.has(Projection.queryKeyValue.weightName(layer: 0))
    return Projection.allCases.filter { projection in
      switch projection {
      case .query, .key, .value: !isFused
      case .queryKeyValue: isFused
      case .output: true
      case .gate, .up: !traits.hasExperts && !traits.fusesGateUp
      case .gateUp: !traits.hasExperts && traits.fusesGateUp
      case .down: !traits.hasExperts
      case .gateExperts, .upExperts, .downExperts: false
      }
    }
  }

  private func readVocabulary() throws(TransformerError) -> Int {
    guard let embedding = file.tensor("token_embd.weight"), embedding.dimensions.count == 2 else {
      throw .missingMetadata(key: "token_embd.weight")
    }
    return embedding.dimensions[1]
  }

  private mutating func readAttention(width: Int) throws(TransformerError) -> AttentionShape {
    let heads = try size("attention.head_count")
    let keyValueHeads = try size("attention.head_count_kv", default: heads)
    guard heads % keyValueHeads == 0 else {
      throw unusable(
        "attention.head_count_kv", "it does not divide the \(heads) query heads")
    }
    if !has("attention.key_length"), width % heads != 0 {
      throw unusable("attention.head_count", "it does not divide the width \(width)")
    }
    let headSize = try size("attention.key_length", default: max(width / heads, 1))
    let valueSize = try size("attention.value_length", default: max(width / heads, 1))
    for (name, size) in [("attention.key_length", headSize), ("attention.value_length", valueSize)]
    where size > 1024 || size % 2 != 0 {
      throw .unusableMetadata(
        key: key(name), value: "\(size)", reason: "heads of an even size up to 1024 are expected")
    }
    return AttentionShape(
      heads: heads, keyValueHeads: keyValueHeads, size: headSize, valueSize: valueSize)
  }

  private mutating func readExperts(
    _ kind: Traits.ExpertWidth
  ) throws(TransformerError) -> ExpertShape {
    let count = try size("expert_count")
    let used = try size("expert_used_count")
    guard used <= count else {
      throw unusable("expert_used_count", "there are only \(count) experts")
    }
    // The width of a dense part, which such a model has nowhere, stands in for a missing one.
    let name = "expert_feed_forward_length"
    let dense = try size("feed_forward_length", default: has(name) ? 1 : nil)
    let width = try size(name, default: max(kind == .shared ? dense / used : dense, 1))
    return ExpertShape(count: count, used: used, width: width)
  }

  // MARK: - Rotation

  /// The rotation of a model before its layers differ.
  struct Rotation {
    var table: RotaryTable
    /// Beyond the original context, where it differs there.
    var long: RotaryTable?
    var originalContext: Int
    var base: Float
    var rotated: Int
  }

  /// The scaling that the file asks for: without a type a factor is linear.
  private mutating func scaling(originalContext: Int) throws(TransformerError) -> RotaryScaling {
    let type = try string("rope.scaling.type") ?? "linear"
    let older = try number("rope.scale_linear", default: 1)
    let factor = try number("rope.scaling.factor", default: older)
    switch type {
    case "none": return .none
    case "linear", "longrope": return factor == 1 ? .none : .linear(factor: factor)
    case "yarn":
      var yarn = RotaryScaling.YaRN(factor: Double(factor), originalContext: originalContext)
      if readsYarnSettings {
        yarn.betaFast = Double(try number("rope.scaling.yarn_beta_fast", default: 32))
        yarn.betaSlow = Double(try number("rope.scaling.yarn_beta_slow", default: 1))
        yarn.logMultiplier = Double(try optionalNumber("rope.scaling.yarn_log_multiplier") ?? 0)
      }
      // Converters write what follows from the factor.
      let magnitude = Float(yarn.magnitude)
      try expect("rope.scaling.yarn_attn_factor") { abs(($0.float ?? 0) - magnitude) < 1e-3 }
      return .yarn(yarn)
    default:
      throw unusable(
        "rope.scaling.type", "only none, linear, yarn and longrope are supported")
    }
  }

  /// Of these architectures llama.cpp lets one choose YaRN's limits; the others have the usual ones.
  private var readsYarnSettings: Bool { architecture == "mistral3" }

  private mutating func rotation(
    _ traits: Traits, headSize: Int, context: Int
  ) throws(TransformerError) -> Rotation {
    let rotated = try size("rope.dimension_count", default: headSize)
    guard rotated == headSize || traits.rotatesPart && rotated < headSize, rotated % 2 == 0 else {
      throw unusable(
        "rope.dimension_count",
        traits.rotatesPart
          ? "an even number up to the head size \(headSize) is expected"
          : "only heads rotated as a whole (here \(headSize)) are supported in this architecture")
    }
    let original = try size("rope.scaling.original_context_length", default: context)
    let base = try base("rope.freq_base")
    let scaling = try scaling(originalContext: original)
    let factor = try number("rope.scaling.attn_factor", default: 1)
    let frequencies = scaling.frequencies(base: base, rotated: rotated)
    guard RotaryTable.tellsPositions(frequencies) else {
      throw unusable(
        has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear",
        "heads would turn too fast to tell positions")
    }
    let isInterleaved = traits.pairs == .neighbours
    func table(_ frequencies: [Float]) -> RotaryTable {
      RotaryTable(
        frequencies: frequencies, interleaved: isInterleaved,
        magnitude: scaling.magnitude * factor)
    }
    var (short, long): ([Float]?, [Float]?)
    if traits.readsFactors {
      short = try divide(frequencies, by: "rope_freqs.weight")
      if short == nil {
        short = try divide(frequencies, by: "rope_factors_short.weight")
        long = try divide(frequencies, by: "rope_factors_long.weight")
        guard (short == nil) == (long == nil) else {
          throw .missingMetadata(
            key: short == nil ? "rope_factors_short.weight" : "rope_factors_long.weight")
        }
      }
    }
    return Rotation(
      table: table(short ?? frequencies), long: long.map(table), originalContext: original,
      base: base, rotated: rotated)
  }
}
