public import ModelFiles
public import Tensors

/// All frozen tensors of a model, as ranges of the mapped file. Only norms and biases are copied.
public struct ModelWeights: Sendable {
  public let embedding: QuantizedMatrix
  public let blocks: [BlockWeights]
  let outputNorm: NormWeights
  /// [vocabulary, width]; the embedding itself when the file has no `output.weight`.
  public let head: QuantizedMatrix
  /// [vocabulary].
  let headBias: [Float]?

  /// What is multiplied first after block `layer`: the next block's queries, keys and values, or the head.
  func read(after layer: Int) -> [QuantizedMatrix] {
    guard layer + 1 < blocks.count else { return [head] }
    return Array(blocks[layer + 1].dense.prefix(3))
  }

  /// Finds every tensor that `configuration` asks for, checks its shape, and refuses those that it does not ask for.
  ///
  /// Throws `GGUFError`, `TransformerError`.
  public init(_ file: GGUFFile, _ configuration: ModelConfiguration) throws {
    var tensors = TensorReader(file, used: configuration.auxiliaryTensors)
    let (vocabulary, width) = (configuration.vocabularySize, configuration.width)
    embedding = try tensors.matrix("token_embd.weight", vocabulary, width)
    var blocks: [BlockWeights] = []
    for layer in 0..<configuration.layerCount {
      blocks.append(try BlockWeights(&tensors, configuration, layer: layer))
    }
    self.blocks = blocks
    outputNorm = NormWeights(
      weight: try tensors.vector("output_norm.weight", width),
      bias: configuration.normalization == .layer
        ? try tensors.vector("output_norm.bias", width) : nil)
    head =
      configuration.tiedHead ? embedding : try tensors.matrix("output.weight", vocabulary, width)
    headBias = configuration.headBias ? try tensors.vector("output.bias", vocabulary) : nil
    try tensors.checkRest(architecture: configuration.architecture)
  }

  /// Most bytes of the file that are resident at a time when every part is given back after use (`Model.streamsWeights`):
  /// the embedding, the head or the largest block, with the pages at their borders.
  public var streamedByteCount: Int {
    let largest = blocks.map(\.byteCount).max() ?? 0
    return max(embedding.byteCount, head.byteCount, largest) + (1 << 18)
  }
}
