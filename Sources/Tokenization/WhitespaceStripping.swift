/// Which special tokens take the white space beside them along: "lstrip" and "rstrip" of Hugging
/// Face.
///
/// GGUF does not carry these flags. llama.cpp knows them by the names of models
/// (`llama_vocab::impl::load`), and so does this: text tokenizes as it does there, for better or
/// worse.
struct WhitespaceStripping: Equatable, Sendable {
  /// Texts of the tokens that take the white space before them along.
  var leftOf: Set<String> = []
  /// Whether all others than `exceptRightOf` take the white space after them along.
  var rightOfAll = false
  var exceptRightOf: Set<String> = []

  static let none = WhitespaceStripping()

  /// The mask of Jina's and Nomic's encoders.
  static let maskOfJina = WhitespaceStripping(leftOf: ["<mask>"])
  /// Phi-3 and Phi-3.5: `<|user|>\nHello` is `<|user|>Hello`.
  static let phi3 = WhitespaceStripping(
    rightOfAll: true, exceptRightOf: ["<unk>", "<s>", "<|endoftext|>"])
  static let maskOfModernBERT = WhitespaceStripping(leftOf: ["[MASK]"])

  /// - Parameters:
  ///   - name: `general.name`.
  ///   - preTokenizer: `tokenizer.ggml.pre`.
  ///   - architecture: `general.architecture`.
  static func of(name: String, preTokenizer: String, architecture: String) -> Self {
    let name = name.lowercased()
    if ["jina-v2-de", "jina-v2-es", "jina-v2-code"].contains(where: preTokenizer.contains)
      || ["nomic-bert-moe", "jina-bert-v3"].contains(where: architecture.contains)
    {
      return maskOfJina
    }
    if ["phi-3", "phi3"].contains(where: name.contains) { return phi3 }
    if name.contains("modern-bert") { return maskOfModernBERT }
    return none
  }

  func left(_ token: ArraySlice<UInt8>) -> Bool {
    !leftOf.isEmpty && leftOf.contains(String(decoding: token, as: UTF8.self))
  }

  func right(_ token: ArraySlice<UInt8>) -> Bool {
    rightOfAll && !exceptRightOf.contains(String(decoding: token, as: UTF8.self))
  }

  /// White space of ASCII, C's `isspace`.
  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }
}
