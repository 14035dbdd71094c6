/// Qwen 3: a norm on the queries and keys of each head.
extension Architecture {
  static let qwen3 = Architecture("qwen3") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.init(pairs: .halves))
    for index in configuration.layers.indices { configuration.layers[index].queryKeyNorm = .head }
    return configuration
  }
}
