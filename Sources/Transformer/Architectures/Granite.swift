/// Granite 3 and 4 (dense): Llama with four scales.
extension Architecture {
  static let granite = Architecture("granite") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.llama)
    if let scale = try reader.optionalNumber("attention.scale") {
      for index in configuration.layers.indices {
        configuration.layers[index].attention.scale = scale
      }
    }
    let residual = try reader.optionalNumber("residual_scale") ?? 1
    let rotates = try reader.flag("rope.scaling.finetuned", default: true)
    for index in configuration.layers.indices {
      configuration.layers[index].residualScale = residual
      if !rotates { configuration.layers[index].rotary = nil }
    }
    configuration.embeddingScale = try reader.optionalNumber("embedding_scale") ?? 1
    configuration.logitScale = 1 / (try reader.number("logit_scale"))
    return configuration
  }
}
