public import ModelFiles

/// Token ids to text: the part of a tokenizer that printing an answer needs.
///
/// It asks less of a model file than `Tokenizer` does: tokens and their kind, but not a known way
/// of splitting text (`tokenizer.ggml.pre`). The vocabulary is immutable; any number of threads may
/// use it at once.
public struct TokenDecoder: Sendable {
  /// How the file spells what its tokens stand for.
  private enum Spelling {
    /// GPT-2's alphabet of 256 letters.
    case byteLevel
    /// ▁ for the space, `<0xXX>` for a byte.
    case sentencePiece(addsSpacePrefix: Bool)
  }

  let vocabulary: Vocabulary
  private let spelling: Spelling
  private let alphabet = ByteAlphabet()
  /// Every token after which a generation is over.
  public let endOfGeneration: Set<Int32>

  /// Reads `tokenizer.ggml.*`, whatever `tokenizer.ggml.pre` says.
  public init(_ metadata: GGUFMetadata) throws(TokenizationError) {
    try self.init(TokenizerDescription(metadata))
  }

  init(_ description: TokenizerDescription) throws(TokenizationError) {
    var vocabulary = try Vocabulary(
      tokens: description.tokens, kinds: description.tokenKinds, scores: description.scores)
    endOfGeneration = EndTokens.resolve(&vocabulary, description)
    self.vocabulary = vocabulary
    spelling =
      switch description.kind {
      case .bytePairEncoding(let name):
        switch PreTokenizer.spelling(of: name) {
        case .byteLevel: .byteLevel
        case .characters: .sentencePiece(addsSpacePrefix: false)
        }
      case .sentencePiece:
        .sentencePiece(addsSpacePrefix: description.addsSpacePrefix ?? true)
      case .unigram:
        .sentencePiece(
          addsSpacePrefix: description.mergesSpaces || description.addsSpacePrefix ?? false)
      }
  }

  /// Number of tokens; ids are below it.
  public var vocabularySize: Int { vocabulary.count }

  /// The text of some tokens: the space that a SentencePiece model puts in front of a text (and
  /// after a special token) is taken away again. Bytes that are not UTF-8 become U+FFFD.
  ///
  /// Unlike llama.cpp's `llama_detokenize` it takes no space away before punctuation, which that
  /// does for some vocabularies: the text is what was tokenized.
  ///
  /// To show tokens as they are generated, use `StreamingDecoder`, which keeps that space.
  ///
  /// - Parameters:
  ///   - ids: tokens; one outside the vocabulary stands for nothing.
  ///   - skipSpecial: leaves control, unknown and unused tokens out instead of writing their names.
  public func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool) -> String {
    var bytes: [UInt8] = []
    var followsSpecial = true
    for id in ids where vocabulary.contains(id) {
      var piece = self.bytes(of: id)
      let kind = vocabulary.kind(id)
      if removesSpacePrefix, followsSpecial, kind == .normal || kind == .unused,
        piece.first == 0x20
      {
        piece.removeFirst()
      }
      if !skipSpecial || !isSilent(id) { bytes += piece }
      followsSpecial = kind == .control || kind == .unknown || kind == .userDefined
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What a token stands for: bytes of UTF-8, not always whole characters. The name itself for
  /// control, unknown and user-defined tokens, nothing for an id outside the vocabulary.
  public func bytes(of id: Int32) -> [UInt8] {
    guard vocabulary.contains(id) else { return [] }
    let text = vocabulary.text(id)
    let kind = vocabulary.kind(id)
    guard kind == .normal || kind == .byte || kind == .unused else { return Array(text) }
    if kind == .byte, let byte = Self.byte(named: text) { return [byte] }
    switch spelling {
    case .byteLevel:
      var bytes: [UInt8] = []
      return alphabet.decode(text, into: &bytes) ? bytes : Array(text)
    case .sentencePiece:
      return Self.unescape(text)
    }
  }

  /// Whether a token has a name but no text: control, unknown and unused tokens.
  func isSilent(_ id: Int32) -> Bool {
    guard vocabulary.contains(id) else { return true }
    let kind = vocabulary.kind(id)
    return kind == .control || kind == .unknown || kind == .unused
  }

  private var removesSpacePrefix: Bool {
    if case .sentencePiece(addsSpacePrefix: true) = spelling { true } else { false }
  }

  /// The byte of `<0xXX>`.
  static func byte(named text: ArraySlice<UInt8>) -> UInt8? {
    guard text.count == 6, text.starts(with: "<0x".utf8) else { return nil }
    return UInt8(String(decoding: text.dropFirst(3).dropLast(), as: UTF8.self), radix: 16)
  }

  /// Every ▁ becomes a space.
  private static func unescape(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text
    while let first = rest.first {
      if first == SentencePiece.space[0], rest.starts(with: SentencePiece.space) {
        bytes.append(0x20)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(first)
        rest = rest.dropFirst()
      }
    }
    return bytes
  }
}
