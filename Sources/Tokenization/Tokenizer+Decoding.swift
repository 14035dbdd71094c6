/// Tokens to text: what the tokenizer's `decoder` does.
extension Tokenizer {
  /// The text of some tokens, the inverse of `encode`; see `TokenDecoder.decode`.
  public func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool) -> String {
    decoder.decode(ids, skipSpecial: skipSpecial)
  }

  /// What a token stands for; see `TokenDecoder.bytes`.
  public func bytes(of id: Int32) -> [UInt8] { decoder.bytes(of: id) }
}
