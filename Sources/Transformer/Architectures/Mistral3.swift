/// Ministral 3: Llama with YaRN of its own limits and a temperature on the queries.
extension Architecture {
  static let mistral3 = Architecture("mistral3") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.llama)
    try reader.leaveWindowAside(context: configuration.contextLength)
    if let scale = try reader.optionalNumber("attention.temperature_scale") {
      let original = try reader.size(
        "rope.scaling.original_context_length", default: configuration.contextLength)
      for index in configuration.layers.indices {
        configuration.layers[index].temperature = QueryTemperature(
          scale: scale, originalContext: original)
      }
    }
    return configuration
  }
}
