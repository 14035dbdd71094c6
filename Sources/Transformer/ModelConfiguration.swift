internal import Foundation
public import ModelFiles
public import Tensors

/// The sizes and constants of a decoder, read from the metadata of a GGUF file.
public struct ModelConfiguration: Sendable, Equatable {
  /// `general.architecture`.
  public var architecture: String
  /// `general.name`, or the architecture.
  public var name: String
  public var layerCount: Int
  /// Width of the residual stream.
  public var width: Int
  public var attention: AttentionShape
  /// Width inside the feed-forward part.
  public var feedForwardWidth: Int
  public var vocabularySize: Int
  /// Longest context that the model was trained for.
  public var contextLength: Int
  public var normEpsilon: Float
  /// Angle per position of each pair of a head: `base^(−2i/size)` [size/2].
  public var rotaryFrequencies: [Float]
  /// Pairs are neighbours (2i, 2i+1): the order of q and k rows in llama-architecture files. A Hugging Face
  /// checkpoint of the same model pairs (i, i + size/2), its rows are permuted against these.
  public var rotaryInterleaved: Bool
  /// The head is the embedding matrix itself.
  public var tiedHead: Bool

  public var queryWidth: Int { attention.heads * attention.size }
  public var keyValueWidth: Int { attention.keyValueHeads * attention.size }

  /// Output and input width of a projection's weight [out, in].
  public func shape(of projection: Projection) -> (out: Int, in: Int) {
    switch projection {
    case .query: (queryWidth, width)
    case .key, .value: (keyValueWidth, width)
    case .output: (width, queryWidth)
    case .gate, .up: (feedForwardWidth, width)
    case .down: (width, feedForwardWidth)
    }
  }

  /// The widest input of a projection.
  public var widestInput: Int { Projection.allCases.map { shape(of: $0).in }.max() ?? 0 }

  /// Weights in the matrix products of one block.
  public var blockParameterCount: Int {
    Projection.allCases.reduce(0) { sum, projection in
      let (out, `in`) = shape(of: projection)
      return sum + out * `in`
    }
  }

  /// Reads and checks the metadata of `file`. Throws `TransformerError`.
  public init(_ file: GGUFFile) throws(TransformerError) {
    let metadata = file.metadata
    guard let architecture = metadata.string("general.architecture") else {
      throw .missingMetadata(key: "general.architecture")
    }
    guard metadata.string("general.type") != "adapter" else { throw .adapterInsteadOfModel }
    guard architecture == "llama" else {
      throw .unsupportedArchitecture(name: architecture)
    }
    self.architecture = architecture
    self.name = metadata.string("general.name") ?? architecture

    func size(_ key: String, default fallback: Int? = nil) throws(TransformerError) -> Int {
      let key = "\(architecture).\(key)"
      guard let value = metadata.int(key) ?? fallback else { throw .missingMetadata(key: key) }
      guard value > 0 && value <= 1 << 24 else {
        throw .unusableMetadata(key: key, value: "\(value)", reason: "a positive size is expected")
      }
      return value
    }

    layerCount = try size("block_count")
    width = try size("embedding_length")
    feedForwardWidth = try size("feed_forward_length")
    contextLength = try size("context_length", default: 2048)
    let heads = try size("attention.head_count")
    let keyValueHeads = try size("attention.head_count_kv", default: heads)
    guard heads % keyValueHeads == 0 else {
      throw .unusableMetadata(
        key: "\(architecture).attention.head_count_kv", value: "\(keyValueHeads)",
        reason: "it does not divide the \(heads) query heads")
    }
    let headSize = try size("attention.key_length", default: max(width / heads, 1))
    guard try size("attention.value_length", default: headSize) == headSize else {
      throw .unusableMetadata(
        key: "\(architecture).attention.value_length", value: "\(headSize)",
        reason: "it must equal the key length")
    }
    let rotated = try size("rope.dimension_count", default: headSize)
    guard rotated == headSize, headSize % 2 == 0 else {
      throw .unusableMetadata(
        key: "\(architecture).rope.dimension_count", value: "\(rotated)",
        reason: "only heads rotated as a whole (here \(headSize), an even number) are supported")
    }
    attention = AttentionShape(heads: heads, keyValueHeads: keyValueHeads, size: headSize)
    let epsilonKey = "\(architecture).attention.layer_norm_rms_epsilon"
    guard let epsilon = metadata.float(epsilonKey) else {
      throw .missingMetadata(key: epsilonKey)
    }
    normEpsilon = Float(epsilon)
    if let scaling = metadata.string("\(architecture).rope.scaling.type"),
      scaling != "none" && scaling != "linear"
    {
      throw .unusableMetadata(
        key: "\(architecture).rope.scaling.type", value: scaling,
        reason: "only linear scaling of rotary embeddings is supported")
    }
    rotaryInterleaved = true
    rotaryFrequencies = try ModelConfiguration.frequencies(
      file, architecture: architecture, headSize: headSize)

    guard let embedding = file.tensor("token_embd.weight"), embedding.dimensions.count == 2 else {
      throw .missingMetadata(key: "token_embd.weight")
    }
    vocabularySize = embedding.dimensions[1]
    tiedHead = !file.has("output.weight")
  }

  /// `base^(−2i/size) / scale / factor_i`: base and linear scale from the metadata, factors from the tensor
  /// `rope_freqs.weight` where there is one (Llama 3.1's scaling is stored so).
  private static func frequencies(
    _ file: GGUFFile, architecture: String, headSize: Int
  ) throws(TransformerError) -> [Float] {
    let base = file.metadata.float("\(architecture).rope.freq_base") ?? 10_000
    let scale =
      file.metadata.float("\(architecture).rope.scaling.factor")
      ?? file.metadata.float("\(architecture).rope.scale_linear") ?? 1
    guard base > 0, base.isFinite, scale > 0, scale.isFinite else {
      throw .unusableMetadata(
        key: "\(architecture).rope.freq_base", value: "\(base)",
        reason: "a positive number is expected")
    }
    var factors = [Float](repeating: 1, count: headSize / 2)
    if file.has("rope_freqs.weight") {
      guard let stored = try? file.vector("rope_freqs.weight"), stored.count == headSize / 2 else {
        throw .wrongShape(
          tensor: "rope_freqs.weight", expected: [headSize / 2],
          found: file.tensor("rope_freqs.weight")?.dimensions ?? [])
      }
      factors = stored
    }
    return (0..<headSize / 2).map { pair in
      let exponent = -2 * Double(pair) / Double(headSize)
      return Float(pow(Double(base), exponent) / Double(scale)) / factors[pair]
    }
  }
}
