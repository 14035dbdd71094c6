internal import Tensors

/// Gemma 2: norms before and after, GELU, soft caps, every other layer sees a window.
extension Architecture {
  static let gemma2 = Architecture("gemma2") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.init(pairs: .halves, biases: []))
    let window = try reader.size("attention.sliding_window", default: 4096)
    let local = try reader.localLayers(configuration.layerCount, period: 2)
    let cap = try reader.number("attn_logit_softcapping", default: 50)
    configuration.logitSoftCap = try reader.number("final_logit_softcapping", default: 30)
    // Local layers may have a base of their own; by default it is the same.
    let base = reader.file.metadata.float(reader.key("rope.freq_base")) ?? 10_000
    try reader.expect("rope.freq_base_swa") { $0.float == base }
    for index in configuration.layers.indices {
      configuration.layers[index].attention.softCap = cap
      if local[index] { configuration.layers[index].attention.window = window }
    }
    configuration.becomeGemma(layersOfLargest: 46)
    try reader.refuseHead()
    return configuration
  }
}

extension ModelConfiguration {
  /// What the Gemmas share. The scale of the scores is not in the file: 1/√(head size), in the largest model of a family,
  /// known by its number of layers, 1/√(width / heads).
  mutating func becomeGemma(layersOfLargest: Int) {
    embeddingScale = Float(width).squareRoot()
    let isLargest = layerCount == layersOfLargest
    for index in layers.indices {
      layers[index].normsAfter = true
      layers[index].activation = .geluTanh
      if isLargest {
        layers[index].attention.scale = 1 / (Float(width) / Float(attention.heads)).squareRoot()
      }
    }
  }
}

extension ArchitectureReader {
  /// Refuses a head of its own where the architecture ties it to the embedding.
  func refuseHead() throws(TransformerError) {
    guard !file.has("output.weight") else {
      throw .unusedTensor(name: "output.weight", architecture: architecture)
    }
  }

  /// Refuses a file without a head of its own where the architecture has one.
  func requireHead() throws(TransformerError) {
    guard file.has("output.weight") else { throw .missingMetadata(key: "output.weight") }
  }
}
