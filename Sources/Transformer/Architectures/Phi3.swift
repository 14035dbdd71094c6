/// Phi 3, 3.5, 4 and 4-mini: queries, keys and values in one tensor, gate and up in another, part of each head rotated, other
/// frequencies beyond the original context (LongRoPE).
extension Architecture {
  static let phi3 = Architecture("phi3") { reader throws(TransformerError) in
    let configuration = try reader.decoder(
      .init(pairs: .halves, rotatesPart: true, readsFactors: true, fusesGateUp: true))
    try reader.leaveWindowAside(context: configuration.contextLength)
    return configuration
  }
}
