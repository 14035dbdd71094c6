/// What a token is, numbered as in `tokenizer.ggml.token_type`.
enum TokenKind: Int, Sendable {
  case normal = 1
  case unknown = 2
  /// Begin of text, end of turn…: never the result of plain text.
  case control = 3
  /// Added by hand; recognised in any text.
  case userDefined = 4
  case unused = 5
  /// `<0xXX>`: one byte that no other token covers.
  case byte = 6
}

/// The tokens of a model: text, kind and score of each, and the number of each text.
///
/// The text is the file's spelling (byte-level alphabet or ▁ for the space), not what the token
/// stands for. Of two tokens with the same text the later one is found, as in llama.cpp.
struct Vocabulary: Sendable {
  private let texts: ByteStringTable
  private var kinds: [TokenKind]
  private let scores: [Float]
  /// Bytes of the longest token.
  let longestTokenByteCount: Int

  /// - Parameters:
  ///   - tokens: the text of each token.
  ///   - kinds: raw values of `TokenKind`, one per token or none at all; what is not known counts
  ///     as normal.
  ///   - scores: one per token, or none at all (then 0).
  init(
    tokens: [String], kinds: [Int] = [], scores: [Float] = []
  ) throws(TokenizationError) {
    guard !tokens.isEmpty, tokens.count <= Int32.max else {
      throw .invalidVocabularySize(tokens.count)
    }
    guard kinds.isEmpty || kinds.count == tokens.count else {
      throw .lengthMismatch(
        key: "tokenizer.ggml.token_type", expected: tokens.count, found: kinds.count)
    }
    guard scores.isEmpty || scores.count == tokens.count else {
      throw .lengthMismatch(
        key: "tokenizer.ggml.scores", expected: tokens.count, found: scores.count)
    }
    var table = ByteStringTable(capacity: tokens.count)
    var longest = 0
    for token in tokens {
      let bytes = Array(token.utf8)
      longest = max(longest, bytes.count)
      table.append(bytes.span)
    }
    self.kinds =
      kinds.isEmpty
      ? Array(repeating: TokenKind.normal, count: tokens.count)
      : kinds.map { TokenKind(rawValue: $0) ?? .normal }
    texts = table
    self.scores = scores
    longestTokenByteCount = longest
  }

  var count: Int { kinds.count }

  func contains(_ id: Int32) -> Bool { id >= 0 && Int(id) < count }

  /// The file's spelling of a token; the id must be in the vocabulary.
  func text(_ id: Int32) -> ArraySlice<UInt8> { texts[Int(id)] }

  func kind(_ id: Int32) -> TokenKind { kinds[Int(id)] }

  /// Says what a token is, better than the file does; the id must be in the vocabulary.
  mutating func set(_ kind: TokenKind, of id: Int32) { kinds[Int(id)] = kind }

  func score(_ id: Int32) -> Float { scores.isEmpty ? 0 : scores[Int(id)] }

  /// The token with exactly this spelling.
  func find(_ text: Span<UInt8>) -> Int32? { texts.find(text).map { Int32($0) } }

  /// The token with exactly this spelling.
  func find(_ text: String) -> Int32? {
    let bytes = Array(text.utf8)
    return find(bytes.span)
  }
}
