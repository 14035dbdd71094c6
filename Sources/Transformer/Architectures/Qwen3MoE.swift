/// Qwen 3 with experts (30B-A3B and kin): in every layer a router picks a few of many small feed-forward parts.
extension Architecture {
  static let qwen3moe = Architecture("qwen3moe") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.init(pairs: .halves, experts: .shared))
    for index in configuration.layers.indices { configuration.layers[index].queryKeyNorm = .head }
    return configuration
  }
}
