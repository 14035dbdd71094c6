/// SmolLM 3: Llama without rotation in every fourth layer. The four is not in the file.
extension Architecture {
  static let smollm3 = Architecture("smollm3") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.init(pairs: .neighbours))
    for index in configuration.layers.indices where (index + 1) % 4 == 0 {
      configuration.layers[index].rotary = nil
    }
    return configuration
  }
}
