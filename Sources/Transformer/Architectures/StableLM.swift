/// StableLM 2 (1.6B): layer norms with biases, a part of each head rotated.
extension Architecture {
  static let stablelm = Architecture("stablelm") { reader throws(TransformerError) in
    let configuration = try reader.decoder(
      .init(pairs: .halves, rotatesPart: true, normalization: .layer))
    try reader.requireHead()
    return configuration
  }
}
