/// Llama 1 to 3, Mistral 7B, SmolLM 2 and all that converters write as `llama`: biases where the file has them, divisors of the
/// frequencies from Llama 3's tensor.
extension Architecture {
  static let llama = Architecture("llama") { reader throws(TransformerError) in
    let configuration = try reader.decoder(.llama)
    try reader.leaveWindowAside(context: configuration.contextLength)
    return configuration
  }
}

extension ArchitectureReader.Traits {
  /// Shared by what is built on Llama.
  static var llama: Self {
    Self(pairs: .neighbours, readsFactors: true, biases: Set(Projection.allCases))
  }
}
