/// SentencePiece's tokenizer of Llama 1 and 2, TinyLlama, Mistral, Gemma: merge the two neighbours that make the
/// token of highest score, the leftmost first, until no two neighbours make a token.
///
/// The text goes in with its spaces; they become ▁ (U+2581) here. A character without a token is written in byte
/// tokens `<0xXX>`, or else as the unknown token. As llama.cpp's `llm_tokenizer_spm_session`, but that control
/// tokens never come out of plain text. Does not normalise (no NFKC: GGUF files of this kind carry no character map).
struct SentencePiece: Sendable {
  private let vocabulary: Vocabulary
  /// What each byte becomes when no token covers it; -1 means it is dropped.
  private var tokenOfByte: [Int32] = []

  static let space: [UInt8] = [0xe2, 0x96, 0x81]

  init(_ vocabulary: Vocabulary, unknown: Int32?) {
    self.vocabulary = vocabulary
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in UInt8.min...UInt8.max {
      let name =
        Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]] + Array(">".utf8)
      let single = [byte]
      tokenOfByte.append(
        vocabulary.find(name.span) ?? vocabulary.find(single.span) ?? unknown ?? -1)
    }
  }

  /// One character or token of the text at hand.
  private struct Symbol {
    /// First byte in the text.
    var start: Int
    /// Bytes; 0 once merged into its left neighbour.
    var count: Int
    var previous: Int
    var next: Int
    /// The token this and its right neighbour would make, or -1.
    var merged: Int32 = -1
  }

  /// Appends the tokens of a text, with a space in front of it if `addsSpacePrefix`.
  func encode(_ text: Span<UInt8>, addsSpacePrefix: Bool, into ids: inout [Int32]) {
    var bytes: [UInt8] = addsSpacePrefix ? Self.space : []
    bytes.reserveCapacity(text.count + text.count / 2 + 3)
    for position in text.indices {
      if text[position] == 0x20 {
        bytes += Self.space
      } else {
        bytes.append(text[position])
      }
    }
    var symbols = characters(bytes)
    guard !symbols.isEmpty else { return }
    merge(&symbols, bytes.span)

    var index = 0
    while index < symbols.count {
      let range = symbols[index].start..<(symbols[index].start + symbols[index].count)
      if let id = token(bytes.span.extracting(range)) {
        ids.append(id)
      } else {
        for byte in bytes[range] where tokenOfByte[Int(byte)] >= 0 {
          ids.append(tokenOfByte[Int(byte)])
        }
      }
      index = symbols[index].next
    }
  }

  private func characters(_ bytes: [UInt8]) -> [Symbol] {
    var symbols: [Symbol] = []
    symbols.reserveCapacity(bytes.count)
    for position in bytes.indices {
      if bytes[position] & 0xc0 == 0x80, !symbols.isEmpty {
        symbols[symbols.count - 1].count += 1
      } else {
        let index = symbols.count
        symbols.append(Symbol(start: position, count: 1, previous: index - 1, next: index + 1))
      }
    }
    return symbols
  }

  private func merge(_ symbols: inout [Symbol], _ bytes: Span<UInt8>) {
    var queue = MergeQueue()
    func consider(_ left: Int, _ symbols: inout [Symbol]) {
      symbols[left].merged = -1
      let right = symbols[left].next
      guard right < symbols.count else { return }
      let start = symbols[left].start
      let range = start..<(start + symbols[left].count + symbols[right].count)
      guard let id = token(bytes.extracting(range)) else { return }
      symbols[left].merged = id
      queue.push(
        priority: MergeQueue.priority(ofScore: vocabulary.score(id)), position: left)
    }
    for left in symbols.indices { consider(left, &symbols) }
    while let (priority, left) = queue.pop() {
      let id = symbols[left].merged
      guard symbols[left].count > 0, id >= 0,
        MergeQueue.priority(ofScore: vocabulary.score(id)) == priority
      else { continue }
      let right = symbols[left].next
      symbols[left].count += symbols[right].count
      symbols[right].count = 0
      symbols[left].next = symbols[right].next
      if symbols[left].next < symbols.count { symbols[symbols[left].next].previous = left }
      if symbols[left].previous >= 0 { consider(symbols[left].previous, &symbols) }
      consider(left, &symbols)
    }
  }

  /// The token with this spelling, unless it is a control token.
  private func token(_ text: Span<UInt8>) -> Int32? {
    guard text.count <= vocabulary.longestTokenByteCount, let id = vocabulary.find(text),
      vocabulary.kind(id) != .control
    else { return nil }
    return id
  }
}
