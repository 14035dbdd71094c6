/// What a unigram model does to a text before it is cut into tokens: replaces characters by its
/// map, merges spaces if it wants that, and writes them as ▁.
///
/// As llama.cpp's `llm_tokenizer_ugm_session::normalize`. User-defined tokens are left as they
/// are; so is, there as here, the beginning of one.
struct UnigramNormalizer: Sendable {
  private let map: CharacterMap?
  private let userDefined: ByteTrie
  private let addsSpacePrefix: Bool
  private let mergesSpaces: Bool

  init(
    _ vocabulary: Vocabulary, map: CharacterMap?, addsSpacePrefix: Bool, mergesSpaces: Bool
  ) {
    self.map = map
    self.addsSpacePrefix = addsSpacePrefix
    self.mergesSpaces = mergesSpaces
    var userDefined = ByteTrie()
    for id in 0..<Int32(vocabulary.count) where vocabulary.kind(id) == .userDefined {
      userDefined.insert(vocabulary.text(id), id)
    }
    self.userDefined = userDefined
  }

  /// The text that is cut into tokens.
  func normalize(_ text: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 4 + 3)
    var isSpacePrepended = false
    var isInWord = false
    func append(_ byte: UInt8) {
      if byte == 0x20 {
        isInWord = false
        if !mergesSpaces { result.append(contentsOf: SentencePiece.space) }
        return
      }
      if !isInWord {
        isInWord = true
        if mergesSpaces || (addsSpacePrefix && !isSpacePrepended) {
          result.append(contentsOf: SentencePiece.space)
          isSpacePrepended = true
        }
      }
      result.append(byte)
    }
    var position = 0
    while position < text.count {
      let kept = keptCount(text, at: position)
      if kept > 0 {
        for index in position..<(position + kept) { append(text[index]) }
        position += kept
      } else if let map, let (count, replacement) = map.match(text, at: position) {
        for index in replacement { append(map[index]) }
        position += count
      } else {
        let count = Self.characterCount(text, at: position)
        if count > 0 {
          for index in position..<(position + count) { append(text[index]) }
          position += count
        } else {
          for byte in "\u{fffd}".utf8 { append(byte) }
          position += 1
        }
      }
    }
    return result
  }

  /// How many bytes at a place are the beginning of a user-defined token.
  private func keptCount(_ text: Span<UInt8>, at start: Int) -> Int {
    var node = ByteTrie.root
    var position = start
    while position < text.count {
      node = userDefined.child(node, text[position])
      if node < 0 { break }
      position += 1
    }
    return position - start
  }

  /// Bytes of the character at a place; 0 where none begins or it is cut off.
  private static func characterCount(_ text: Span<UInt8>, at start: Int) -> Int {
    let lead = text[start]
    let count =
      switch lead {
      case 0..<0x80: 1
      case 0xc0..<0xe0: 2
      case 0xe0..<0xf0: 3
      case 0xf0..<0xf8: 4
      default: 0
      }
    guard start + count <= text.count else { return 0 }
    for offset in 1..<max(1, count) where text[start + offset] & 0xc0 != 0x80 { return 0 }
    return count
  }
}
