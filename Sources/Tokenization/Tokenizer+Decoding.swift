/// Tokens to text: what the tokenizer's `decoder` does.
extension Tokenizer {
  /// The text of some tokens, the inverse of `encode`; see `TokenDecoder.decode`.
  public func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool) -> String {
    decoder.decode(ids, skipSpecial: skipSpecial)
  }

  /// What a token stands for; see `TokenDecoder.bytes`.
  public func bytes(of id: Int32) -> [UInt8] { decoder.bytes(of: id) }

  /// How many bytes of a text are lost, since the vocabulary has no token for them.
  ///
  /// Byte-level vocabularies may lack some bytes: SmolLM2's lacks 21, among them six control
  /// characters. Encoding drops them, as llama.cpp does. 0 for other kinds, which write an unknown
  /// token instead. Costs as much as `encode`.
  public func missingByteCount(in text: String) -> Int {
    guard case .bytePairEncoding = engine else { return 0 }
    let ids = encode(text, addBeginning: false, parseSpecial: false)
    return text.utf8.count - ids.reduce(0) { $0 + bytes(of: $1).count }
  }
}
