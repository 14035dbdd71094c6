/// Qwen 2 and 2.5: biases on queries, keys and values.
extension Architecture {
  static let qwen2 = Architecture("qwen2") { reader throws(TransformerError) in
    var configuration = try reader.decoder(.init(pairs: .halves))
    try reader.leaveWindowAside(context: configuration.contextLength)
    configuration.headBias = reader.file.has("output.bias")
    return configuration
  }
}
