/// Byte pair encoding of one word: start from its bytes (or characters) and merge the neighbours of
/// lowest rank, the leftmost first, until nothing merges.
///
/// Sennrich et al. 2016, over bytes as in GPT-2; the order of merges and what becomes of a symbol
/// without a token follow llama.cpp (`llm_tokenizer_bpe_session`). A byte without a token is
/// dropped, as there (SmolLM2 lacks 21: six control characters, what begins U+40000…U+BFFFF, and
/// what UTF-8 never has). Short words are scanned and remembered for as long as a text lasts, long
/// ones go through a heap, so that n bytes cost O(n log n).
struct BytePairEncoding: Sendable {
  /// Raw bytes of every symbol: the 256 bytes, the tokens, and what merges make that is no token.
  private var symbols: ByteStringTable
  /// The token of each symbol, or -1.
  private var tokens: [Int32]
  /// The token for each byte of what is no token, or -1.
  private var tokenOfByte: [Int32]
  private var merges: MergeTable
  let spelling: PreTokenizer.Spelling
  private let takesWholeWords: Bool
  private let takesWholeNewlines: Bool
  /// For each byte whether a merge joins a symbol that ends with it and one that begins with ▁.
  private var joinsSpaceAfter: [Bool]

  /// Words of more symbols than this are merged through the heap.
  private static let scanLimit = 40

  /// What a word's merging needs, kept from one word of a text to the next.
  struct Scratch: Sendable {
    fileprivate var symbols: [Int32] = []
    fileprivate var merges: [MergeTable.Merge] = []
    fileprivate var escaped: [UInt8] = []
    fileprivate var memory: WordMemory

    /// - Parameter byteCount: of the text; a longer one has more words worth remembering.
    init(byteCount: Int) { memory = WordMemory(byteCount: byteCount) }

    /// Makes room for the words of many texts.
    mutating func growMemory() {
      if !memory.isLargest { memory = WordMemory(byteCount: .max) }
    }
  }

  /// - Parameters:
  ///   - lines: "left right", as the file spells tokens, in order of rank.
  ///   - takesWholeWords: a word that is a token needs no merges (Llama 3's "ignore_merges").
  ///   - takesWholeNewlines: likewise a word of newlines only (Gemma 4).
  init(
    _ vocabulary: Vocabulary, merges lines: [String], spelling: PreTokenizer.Spelling = .byteLevel,
    takesWholeWords: Bool = false, takesWholeNewlines: Bool = false
  ) throws(TokenizationError) {
    self.spelling = spelling
    self.takesWholeWords = takesWholeWords
    self.takesWholeNewlines = takesWholeNewlines
    let alphabet = ByteAlphabet()
    var symbols = ByteStringTable(capacity: vocabulary.count + lines.count / 8 + 256)
    for byte in UInt8.min...UInt8.max {
      let single = [byte]
      symbols.append(single.span)
    }
    var tokens = Array(repeating: Int32(-1), count: 256)
    tokens.reserveCapacity(vocabulary.count + 256)
    func token(_ symbol: Int, is id: Int32) {
      while tokens.count <= symbol { tokens.append(-1) }
      if id >= 0 { tokens[symbol] = id }
    }
    /// False if the text can never occur.
    func decode(_ text: some Sequence<UInt8>, into bytes: inout [UInt8]) -> Bool {
      if spelling == .byteLevel { return alphabet.decode(text, into: &bytes) }
      bytes += text
      return true
    }
    var tokenOfByte = Array(repeating: Int32(-1), count: 256)
    var bytes: [UInt8] = []
    for id in 0..<Int32(vocabulary.count) where vocabulary.kind(id) != .control {
      bytes.removeAll(keepingCapacity: true)
      guard decode(vocabulary.text(id), into: &bytes), !bytes.isEmpty else { continue }
      if spelling == .characters, vocabulary.kind(id) == .byte {
        if let byte = TokenDecoder.byte(named: bytes[...]) { tokenOfByte[Int(byte)] = id }
        continue
      }
      token(symbols.intern(bytes.span), is: id)
    }
    if spelling == .byteLevel { tokenOfByte = Array(tokens[..<256]) }

    var table = MergeTable(capacity: lines.count)
    var joinsSpaceAfter = Array(repeating: false, count: 256)
    for (rank, line) in lines.enumerated() {
      bytes.removeAll(keepingCapacity: true)
      let text = line.utf8
      guard let space = text.dropFirst().firstIndex(of: 0x20) else {
        throw .malformedMerge(index: rank, text: line)
      }
      guard decode(text[..<space], into: &bytes) else { continue }
      let leftCount = bytes.count
      guard decode(text[text.index(after: space)...], into: &bytes), bytes.count > leftCount
      else { continue }
      let left = symbols.intern(bytes.span.extracting(0..<leftCount))
      let right = symbols.intern(bytes.span.extracting(leftCount..<bytes.count))
      let merged = symbols.intern(bytes.span)
      token(max(left, right, merged), is: -1)
      table.insert(
        Int32(left), Int32(right), MergeTable.Merge(rank: UInt32(rank), symbol: Int32(merged)))
      if bytes[leftCount...].starts(with: Self.escapedSpace) {
        joinsSpaceAfter[Int(bytes[leftCount - 1])] = true
      }
    }
    self.symbols = symbols
    self.tokens = tokens
    self.tokenOfByte = tokenOfByte
    self.joinsSpaceAfter = joinsSpaceAfter
    merges = table
  }

  // MARK: - Encoding

  /// Appends the tokens of one word.
  func encode(_ word: Span<UInt8>, into ids: inout [Int32], scratch: inout Scratch) {
    switch spelling {
    case .byteLevel: encodePart(word, into: &ids, scratch: &scratch)
    case .characters:
      if takesWholeNewlines, word.indices.allSatisfy({ word[$0] == 0x0a }), let id = token(word) {
        ids.append(id)
        return
      }
      // Nothing merges across most spaces: what lies between them are words by themselves.
      var start = 0
      for position in word.indices.dropFirst()
      where word[position] == 0x20 && word[position - 1] != 0x20
        && !joinsSpaceAfter[Int(word[position - 1])]
      {
        encodeEscaped(word.extracting(start..<position), into: &ids, scratch: &scratch)
        start = position
      }
      encodeEscaped(word.extracting(start..<word.count), into: &ids, scratch: &scratch)
    }
  }

  private static let escapedSpace: [UInt8] = [0xe2, 0x96, 0x81]

  /// A word whose spaces become ▁.
  private func encodeEscaped(
    _ word: Span<UInt8>, into ids: inout [Int32], scratch: inout Scratch
  ) {
    var escaped: [UInt8] = []
    swap(&escaped, &scratch.escaped)
    escaped.removeAll(keepingCapacity: true)
    for position in word.indices {
      if word[position] == 0x20 {
        escaped += Self.escapedSpace
      } else {
        escaped.append(word[position])
      }
    }
    encodePart(escaped.span, into: &ids, scratch: &scratch)
    swap(&escaped, &scratch.escaped)
  }

  private func encodePart(_ word: Span<UInt8>, into ids: inout [Int32], scratch: inout Scratch) {
    guard let slot = scratch.memory.slot(of: word) else {
      merge(word, into: &ids, scratch: &scratch)
      return
    }
    if scratch.memory.recall(slot, into: &ids) { return }
    let start = ids.count
    merge(word, into: &ids, scratch: &scratch)
    scratch.memory.remember(slot, ids[start...])
  }

  private func token(_ word: Span<UInt8>) -> Int32? {
    guard let symbol = symbols.find(word), tokens[symbol] >= 0 else { return nil }
    return tokens[symbol]
  }

  private func merge(_ word: Span<UInt8>, into ids: inout [Int32], scratch: inout Scratch) {
    if takesWholeWords, let id = token(word) {
      ids.append(id)
      return
    }
    begin(word, &scratch.symbols)
    if scratch.symbols.count <= Self.scanLimit {
      mergeByScanning(&scratch)
      for symbol in scratch.symbols { append(symbol, to: &ids) }
    } else {
      var merging = LongWord(scratch.symbols, merges)
      scratch.symbols = []
      merging.merge(merges)
      for symbol in merging.remaining { append(symbol, to: &ids) }
    }
  }

  /// The symbols that a word begins as: bytes, or characters, those that are no symbol as -2 minus
  /// their bytes.
  private func begin(_ word: Span<UInt8>, _ list: inout [Int32]) {
    list.removeAll(keepingCapacity: true)
    list.reserveCapacity(word.count)
    if spelling == .byteLevel {
      for position in word.indices { list.append(Int32(word[position])) }
      return
    }
    var position = 0
    while position < word.count {
      let lead = word[position]
      let count = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
      let end = min(position + count, word.count)
      if count == 1 {
        list.append(Int32(lead))
      } else if let symbol = symbols.find(word.extracting(position..<end)) {
        list.append(Int32(symbol))
      } else {
        while position < end {
          list.append(-2 - Int32(word[position]))
          position += 1
        }
      }
      position = end
    }
  }

  private func append(_ symbol: Int32, to ids: inout [Int32]) {
    if symbol <= -2 {
      let id = tokenOfByte[Int(-2 - symbol)]
      if id >= 0 { ids.append(id) }
    } else if tokens[Int(symbol)] >= 0 {
      ids.append(tokens[Int(symbol)])
    } else {
      for byte in symbols[Int(symbol)] {
        let id = tokenOfByte[Int(byte)]
        if id >= 0 { ids.append(id) }
      }
    }
  }

  /// O(n²) with a small constant. `merges[i]` belongs to the symbols i and i + 1.
  private func mergeByScanning(_ scratch: inout Scratch) {
    scratch.merges.removeAll(keepingCapacity: true)
    for position in 0..<max(0, scratch.symbols.count - 1) {
      scratch.merges.append(
        merges.find(scratch.symbols[position], scratch.symbols[position + 1]))
    }
    while true {
      var best = 0
      var rank = UInt32.max
      for position in scratch.merges.indices where scratch.merges[position].rank < rank {
        rank = scratch.merges[position].rank
        best = position
      }
      if rank == .max { return }
      scratch.symbols[best] = scratch.merges[best].symbol
      scratch.symbols.remove(at: best + 1)
      scratch.merges.remove(at: best)
      if best > 0 {
        scratch.merges[best - 1] = merges.find(scratch.symbols[best - 1], scratch.symbols[best])
      }
      if best < scratch.merges.count {
        scratch.merges[best] = merges.find(scratch.symbols[best], scratch.symbols[best + 1])
      }
    }
  }
}
