/// Granite 3 and 4 (dense): Llama with four scales.
extension Architecture {
  static let granite = Architecture("granite") { reader throws(TransformerError) in
    try reader.granite(.llama)
  }
}

extension ArchitectureReader {
  /// A decoder with Granite's scales on embedding, scores, residual stream and logits.
  mutating func granite(_ traits: Traits) throws(TransformerError) -> ModelConfiguration {
    var configuration = try decoder(traits)
    let scale = try optionalNumber("attention.scale")
    let residual = try optionalNumber("residual_scale") ?? 1
    let rotates = try flag("rope.scaling.finetuned", default: true)
    for index in configuration.layers.indices {
      if let scale { configuration.layers[index].attention.scale = scale }
      configuration.layers[index].residualScale = residual
      if !rotates { configuration.layers[index].rotary = nil }
    }
    configuration.embeddingScale = try optionalNumber("embedding_scale") ?? 1
    configuration.logitScale = 1 / (try number("logit_scale"))
    return configuration
  }
}
