public import ModelFiles
public import Tensors

/// A small llama model of random weights (with experts a qwen3moe one), written in code as the bytes of a GGUF v3 file.
///
/// Every weight is a function of the seed and the tensor's name, so two models that differ in one format share
/// everything else. Blocks are random bits under sane scales (no codec is used to make them), which reaches every
/// format that Scion reads. The vocabulary is `<unk> <s> </s> ▁` and single characters, for a SentencePiece
/// tokenizer; ids beyond the characters are pieces `<extra N>`.
public struct SyntheticModel: Sendable {
  public var layers: Int
  public var width: Int
  public var heads: Int
  public var keyValueHeads: Int
  public var feedForward: Int
  public var vocabulary: Int
  public var contextLength: Int
  /// Format of every matrix that `formats` does not name.
  public var format: BlockFormat
  /// Formats by part of the name: `token_embd`, `output`, `attn_q`, `ffn_down`, ….
  public var formats: [String: BlockFormat]
  /// No `output.weight`: the embedding is the head.
  public var tiedHead: Bool
  /// Factor on the head; larger makes the predictions surer.
  public var headScale: Float
  public var seed: UInt64
  /// nil: one dense feed-forward part; otherwise experts of width `feedForward`.
  public var experts: Experts?
  /// What the metadata say about text.
  public var tokenizer = TokenizerKind.sentencePiece

  /// Experts of a layer, and how many of them a token uses.
  public struct Experts: Sendable {
    var count: Int
    var used: Int

    public init(count: Int, used: Int) {
      self.count = count
      self.used = used
    }
  }

  public enum TokenizerKind: Sendable {
    /// Single characters, no chat template.
    case sentencePiece
    /// Byte pair encoding over all 256 bytes (one merge), ChatML. Needs a vocabulary of at least `byteVocabulary`.
    case byteLevel
  }

  /// Three special tokens, 256 bytes, one merged pair.
  public static let byteVocabulary = 260

  public init(
    layers: Int = 2, width: Int = 32, heads: Int = 4, keyValueHeads: Int = 2,
    feedForward: Int = 64, vocabulary: Int = 64, contextLength: Int = 256,
    format: BlockFormat = .f32, formats: [String: BlockFormat] = [:], tiedHead: Bool = false,
    headScale: Float = 1, seed: UInt64 = 1
  ) {
    self.layers = layers
    self.width = width
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.feedForward = feedForward
    self.vocabulary = vocabulary
    self.contextLength = contextLength
    self.format = format
    self.formats = formats
    self.tiedHead = tiedHead
    self.headScale = headScale
    self.seed = seed
  }

  /// The parsed file.
  public func file() throws -> GGUFFile {
    try GGUFFile(name: "synthetic.gguf", bytes: bytes())
  }

  // MARK: - Tensors

  struct TensorSpecification {
    let name: String
    /// Row length first.
    let dimensions: [Int]
    let format: BlockFormat
    /// Standard deviation of the values; nil for a norm (about one).
    let deviation: Float?
  }

  var tensors: [TensorSpecification] {
    let size = width / heads
    var list: [TensorSpecification] = []
    func add(_ part: String, layer: Int? = nil, _ dimensions: [Int], scale: Float = 1) {
      let isNorm = dimensions.count == 1
      let isExact = isNorm || part == "ffn_gate_inp"
      let isEmbedding = part == "token_embd"
      list.append(
        TensorSpecification(
          name: layer.map { "blk.\($0).\(part).weight" } ?? "\(part).weight",
          dimensions: dimensions, format: isExact ? .f32 : formats[part] ?? format,
          deviation: isNorm
            ? nil : isEmbedding ? 0.5 : scale / Float(dimensions[0]).squareRoot()))
    }
    add("token_embd", [width, vocabulary])
    for layer in 0..<layers {
      add("attn_norm", layer: layer, [width])
      add("attn_q", layer: layer, [width, heads * size])
      add("attn_k", layer: layer, [width, keyValueHeads * size])
      add("attn_v", layer: layer, [width, keyValueHeads * size])
      add("attn_output", layer: layer, [heads * size, width])
      add("ffn_norm", layer: layer, [width])
      if let count = experts?.count {
        add("attn_q_norm", layer: layer, [size])
        add("attn_k_norm", layer: layer, [size])
        add("ffn_gate_inp", layer: layer, [width, count])
        add("ffn_gate_exps", layer: layer, [width, feedForward, count])
        add("ffn_up_exps", layer: layer, [width, feedForward, count])
        add("ffn_down_exps", layer: layer, [feedForward, width, count])
        continue
      }
      add("ffn_gate", layer: layer, [width, feedForward])
      add("ffn_up", layer: layer, [width, feedForward])
      add("ffn_down", layer: layer, [feedForward, width])
    }
    add("output_norm", [width])
    if !tiedHead { add("output", [width, vocabulary], scale: headScale) }
    return list
  }

  // MARK: - File

  /// The bytes of the file.
  public func bytes() -> [UInt8] {
    precondition(width % heads == 0 && heads % keyValueHeads == 0)
    let tensors = tensors
    let data = tensors.map { tensor in
      var random = SplitMix64(seed: seed &+ hash(tensor.name))
      return randomData(tensor, &random)
    }
    var file = GGUFBytes()
    file.header(tensorCount: tensors.count, keyCount: keyCount)
    writeMetadata(&file)
    var offset = 0
    for (tensor, bytes) in zip(tensors, data) {
      file.string(tensor.name)
      file.integer(UInt32(tensor.dimensions.count))
      for dimension in tensor.dimensions { file.integer(UInt64(dimension)) }
      file.integer(tensor.format.rawValue)
      file.integer(UInt64(offset))
      offset += (bytes.count + 31) / 32 * 32
    }
    for bytes in data {
      file.align()
      file.bytes += bytes
    }
    file.align()
    return file.bytes
  }

  private var keyCount: Int {
    (tokenizer == .byteLevel ? 18 : 17) + (experts == nil ? 0 : 3)
  }

  private var architecture: String { experts == nil ? "llama" : "qwen3moe" }

  private func writeMetadata(_ file: inout GGUFBytes) {
    file.entry("general.architecture", architecture)
    file.entry("general.name", "synthetic")
    file.entry("\(architecture).block_count", UInt32(layers))
    file.entry("\(architecture).context_length", UInt32(contextLength))
    file.entry("\(architecture).embedding_length", UInt32(width))
    file.entry("\(architecture).feed_forward_length", UInt32(feedForward))
    file.entry("\(architecture).attention.head_count", UInt32(heads))
    file.entry("\(architecture).attention.head_count_kv", UInt32(keyValueHeads))
    file.entry("\(architecture).attention.layer_norm_rms_epsilon", Float(1e-5))
    file.entry("\(architecture).rope.freq_base", Float(10_000))
    if let experts {
      file.entry("\(architecture).expert_count", UInt32(experts.count))
      file.entry("\(architecture).expert_used_count", UInt32(experts.used))
      file.entry("\(architecture).expert_feed_forward_length", UInt32(feedForward))
    }
    switch tokenizer {
    case .sentencePiece: writeSentencePiece(&file)
    case .byteLevel: writeByteLevel(&file)
    }
  }

  private func writeSentencePiece(_ file: inout GGUFBytes) {
    file.entry("tokenizer.ggml.model", "llama")
    file.entry("tokenizer.ggml.tokens", pieces)
    file.entry("tokenizer.ggml.scores", pieces.indices.map { -Float($0) })
    file.entry(
      "tokenizer.ggml.token_type", pieces.indices.map { $0 == 0 ? 2 : $0 < 3 ? 3 : Int32(1) })
    file.entry("tokenizer.ggml.bos_token_id", UInt32(1))
    file.entry("tokenizer.ggml.eos_token_id", UInt32(2))
    file.entry("tokenizer.ggml.add_bos_token", true)
  }

  private func writeByteLevel(_ file: inout GGUFBytes) {
    precondition(vocabulary >= Self.byteVocabulary)
    file.entry("tokenizer.ggml.model", "gpt2")
    file.entry("tokenizer.ggml.pre", "smollm")
    file.entry("tokenizer.ggml.tokens", pieces)
    file.entry("tokenizer.ggml.token_type", pieces.indices.map { $0 < 3 ? 3 : Int32(1) })
    file.entry("tokenizer.ggml.merges", ["t h"])
    file.entry("tokenizer.ggml.bos_token_id", UInt32(1))
    file.entry("tokenizer.ggml.eos_token_id", UInt32(2))
    file.entry(
      "tokenizer.chat_template",
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] "
        + "+ '<|im_end|>' + '\\n'}}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
  }

  /// The pieces of the vocabulary, by id.
  public var pieces: [String] {
    if tokenizer == .byteLevel { return bytePieces }
    let characters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?'\"{}[]()-+*/=\nABCDEFGHIJKLMNOP"
    var pieces = ["<unk>", "<s>", "</s>", "▁"] + characters.map { String($0) }
    while pieces.count < vocabulary { pieces.append("<extra \(pieces.count)>") }
    return Array(pieces.prefix(vocabulary))
  }

  /// GPT-2's alphabet: printable bytes of Latin-1 as themselves, the others as U+0100 and up.
  private var bytePieces: [String] {
    var pieces = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    var next: UInt32 = 0x100
    for byte in UInt32(0)..<256 {
      var scalar = byte
      if !(33...126).contains(byte) && !(161...172).contains(byte) && !(174...255).contains(byte) {
        scalar = next
        next += 1
      }
      pieces.append(Unicode.Scalar(scalar).map { String(Character($0)) } ?? "?")
    }
    pieces.append("th")
    while pieces.count < vocabulary { pieces.append("<extra \(pieces.count)>") }
    return pieces
  }

  // MARK: - Random blocks

  private func randomData(_ tensor: TensorSpecification, _ random: inout SplitMix64) -> [UInt8] {
    let count = tensor.dimensions.reduce(1, *)
    guard let deviation = tensor.deviation else {
      return (0..<count).flatMap { _ in littleEndian(1 + 0.1 * random.normal()) }
    }
    let blocks = count / tensor.format.blockLength
    precondition(tensor.dimensions[0] % tensor.format.blockLength == 0)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(blocks * tensor.format.blockByteCount)
    for _ in 0..<blocks {
      bytes += randomBlock(tensor.format, deviation, &random)
    }
    return bytes
  }

  /// One block whose values have about the given standard deviation and a mean of about zero.
  private func randomBlock(
    _ format: BlockFormat, _ deviation: Float, _ random: inout SplitMix64
  ) -> [UInt8] {
    // A scale that varies from block to block.
    let deviation = deviation * (0.75 + 0.5 * random.uniform())
    func half(_ value: Float) -> [UInt8] { littleEndian(halfBits(value)) }
    switch format {
    case .f32: return littleEndian(deviation * random.normal())
    case .f16: return half(deviation * random.normal())
    case .bf16: return littleEndian(BFloat16(deviation * random.normal()).bitPattern)
    case .q4_0: return half(deviation / 4.6) + random.bytes(16)
    case .q4_1: return half(deviation / 4.6) + half(-7.5 * deviation / 4.6) + random.bytes(16)
    case .q5_0: return half(deviation / 9.2) + random.bytes(20)
    case .q5_1: return half(deviation / 9.2) + half(-15.5 * deviation / 9.2) + random.bytes(20)
    case .q8_0: return half(deviation / 74) + random.bytes(32)
    case .q4_K: return half(deviation / 330) + half(7.5 * deviation / 330) + random.bytes(140)
    case .q2_K: return random.bytes(80) + half(deviation / 14) + half(1.5 * deviation / 14)
    case .q3_K: return random.bytes(108) + half(deviation / 42)
    case .q5_K: return half(deviation / 665) + half(15.5 * deviation / 665) + random.bytes(172)
    case .q6_K: return random.bytes(208) + half(deviation / 1369)
    case .iq4_NL: return half(deviation / 71) + random.bytes(16)
    case .iq4_XS: return half(deviation / 1310) + random.bytes(134)
    }
  }
}

/// The bits of the nearest half-precision number, subnormal ones included; |value| < 65504.
private func halfBits(_ value: Float) -> UInt16 {
  let sign: UInt16 = value < 0 ? 0x8000 : 0
  let magnitude = abs(value)
  precondition(magnitude < 65504)
  let exponent = max(Int(magnitude.bitPattern >> 23) - 127, -14)
  // In units of the last place at this exponent; a carry into the exponent adds up by itself.
  let units = (magnitude * Float(sign: .plus, exponent: 10 - exponent, significand: 1)).rounded()
  return sign | (UInt16(exponent + 14) << 10) + UInt16(units)
}

private func littleEndian(_ value: Float) -> [UInt8] { littleEndian(value.bitPattern) }

private func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

/// FNV-1a of a name.
private func hash(_ name: String) -> UInt64 {
  name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

/// Writes the parts of a GGUF file in order (format: ggml's docs/gguf.md).
private struct GGUFBytes {
  var bytes: [UInt8] = []

  mutating func header(tensorCount: Int, keyCount: Int) {
    bytes += Array("GGUF".utf8)
    integer(UInt32(3))
    integer(UInt64(tensorCount))
    integer(UInt64(keyCount))
  }

  mutating func integer<T: FixedWidthInteger>(_ value: T) { bytes += littleEndian(value) }

  mutating func string(_ text: String) {
    integer(UInt64(text.utf8.count))
    bytes += Array(text.utf8)
  }

  mutating func align() {
    while bytes.count % 32 != 0 { bytes.append(0) }
  }

  mutating func entry(_ key: String, _ value: UInt32) {
    string(key)
    integer(UInt32(4))
    integer(value)
  }

  mutating func entry(_ key: String, _ value: Float) {
    string(key)
    integer(UInt32(6))
    integer(value.bitPattern)
  }

  mutating func entry(_ key: String, _ value: Bool) {
    string(key)
    integer(UInt32(7))
    bytes.append(value ? 1 : 0)
  }

  mutating func entry(_ key: String, _ value: String) {
    string(key)
    integer(UInt32(8))
    string(value)
  }

  mutating func entry(_ key: String, _ values: [String]) {
    array(key, type: 8, count: values.count)
    for value in values { string(value) }
  }

  mutating func entry(_ key: String, _ values: [Float]) {
    array(key, type: 6, count: values.count)
    for value in values { integer(value.bitPattern) }
  }

  mutating func entry(_ key: String, _ values: [Int32]) {
    array(key, type: 5, count: values.count)
    for value in values { integer(value) }
  }

  private mutating func array(_ key: String, type: UInt32, count: Int) {
    string(key)
    integer(UInt32(9))
    integer(type)
    integer(UInt64(count))
  }
}
