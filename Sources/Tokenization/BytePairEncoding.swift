/// Byte-level byte pair encoding of one word: start from its bytes and merge the neighbours of lowest rank, the
/// leftmost first, until nothing merges.
///
/// Sennrich et al. 2016, over bytes as in GPT-2; the order of merges and what becomes of a symbol without a token
/// follow llama.cpp (`llm_tokenizer_bpe_session`). Short words are scanned, long ones go through a heap, so that n
/// bytes cost O(n log n). A byte without a token is dropped, as there (SmolLM2 lacks 21: six control characters,
/// what begins U+40000…U+BFFFF, and what UTF-8 never has). No cache of words: some 10 MB/s come without one.
struct BytePairEncoding: Sendable {
  /// Raw bytes of every symbol: the 256 bytes, the tokens, and what merges make that is no token.
  private var symbols: ByteStringTable
  /// The token of each symbol, or -1.
  private var tokens: [Int32]
  private var symbolOfByte: [Int32] = []
  private var merges: MergeTable
  /// A word that is a token needs no merges (Llama 3's rule, "ignore_merges").
  private let takesWholeWords: Bool

  /// Words of more bytes than this are merged through the heap.
  private static let scanLimit = 40

  /// Buffers of the word at hand, kept from one word to the next.
  struct Scratch {
    fileprivate var symbols: [Int32] = []
    fileprivate var merges: [MergeTable.Merge] = []
    fileprivate var next: [Int] = []
    fileprivate var previous: [Int] = []
    fileprivate var queue = MergeQueue()
  }

  /// - Parameter merges: "left right" in the byte-level alphabet, in order of rank.
  init(
    _ vocabulary: Vocabulary, merges lines: [String], takesWholeWords: Bool
  ) throws(TokenizationError) {
    self.takesWholeWords = takesWholeWords
    let alphabet = ByteAlphabet()
    var symbols = ByteStringTable(capacity: vocabulary.count + lines.count / 8 + 256)
    for byte in UInt8.min...UInt8.max {
      let single = [byte]
      symbolOfByte.append(Int32(symbols.intern(single.span)))
    }
    var tokens = Array(repeating: Int32(-1), count: 256)
    tokens.reserveCapacity(vocabulary.count + 256)
    func token(_ symbol: Int, is id: Int32) {
      while tokens.count <= symbol { tokens.append(-1) }
      if id >= 0 { tokens[symbol] = id }
    }
    var bytes: [UInt8] = []
    for id in 0..<Int32(vocabulary.count) where vocabulary.kind(id) != .control {
      bytes.removeAll(keepingCapacity: true)
      guard alphabet.decode(vocabulary.text(id), into: &bytes), !bytes.isEmpty else { continue }
      token(symbols.intern(bytes.span), is: id)
    }

    var table = MergeTable(capacity: lines.count)
    for (rank, line) in lines.enumerated() {
      bytes.removeAll(keepingCapacity: true)
      let text = line.utf8
      guard let space = text.dropFirst().firstIndex(of: 0x20) else {
        throw .malformedMerge(index: rank, text: line)
      }
      // A part outside the alphabet can never occur in a text: the merge is skipped.
      guard alphabet.decode(text[..<space], into: &bytes) else { continue }
      let leftCount = bytes.count
      guard alphabet.decode(text[text.index(after: space)...], into: &bytes),
        bytes.count > leftCount
      else { continue }
      let left = symbols.intern(bytes.span.extracting(0..<leftCount))
      let right = symbols.intern(bytes.span.extracting(leftCount..<bytes.count))
      let merged = symbols.intern(bytes.span)
      token(max(left, right, merged), is: -1)
      table.insert(
        Int32(left), Int32(right), MergeTable.Merge(rank: UInt32(rank), symbol: Int32(merged)))
    }
    self.symbols = symbols
    self.tokens = tokens
    merges = table
  }

  /// Appends the tokens of one word.
  func encode(_ word: Span<UInt8>, into ids: inout [Int32], scratch: inout Scratch) {
    if takesWholeWords, let symbol = symbols.find(word), tokens[symbol] >= 0 {
      ids.append(tokens[symbol])
      return
    }
    scratch.symbols.removeAll(keepingCapacity: true)
    for position in word.indices { scratch.symbols.append(symbolOfByte[Int(word[position])]) }
    scratch.merges.removeAll(keepingCapacity: true)
    for position in 0..<max(0, word.count - 1) {
      scratch.merges.append(
        merges.find(scratch.symbols[position], scratch.symbols[position + 1]))
    }
    if word.count <= Self.scanLimit {
      mergeByScanning(&scratch)
    } else {
      mergeByQueue(&scratch)
    }
    for symbol in scratch.symbols where symbol >= 0 {
      if tokens[Int(symbol)] >= 0 {
        ids.append(tokens[Int(symbol)])
      } else {
        for byte in symbols[Int(symbol)] {
          let id = tokens[Int(symbolOfByte[Int(byte)])]
          if id >= 0 { ids.append(id) }
        }
      }
    }
  }

  /// O(n²) with a small constant. `merges[i]` belongs to the symbols i and i + 1.
  private func mergeByScanning(_ scratch: inout Scratch) {
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

  /// O(n log n): symbols form a linked list, those merged away become -1.
  private func mergeByQueue(_ scratch: inout Scratch) {
    let count = scratch.symbols.count
    scratch.merges.append(.none)
    scratch.next = Array(1...count)
    scratch.previous = Array(-1..<(count - 1))
    scratch.queue.removeAll()
    for position in 0..<count where scratch.merges[position].rank != .max {
      scratch.queue.push(priority: scratch.merges[position].rank, position: position)
    }
    while let (rank, left) = scratch.queue.pop() {
      guard scratch.symbols[left] >= 0, scratch.merges[left].rank == rank else { continue }
      let right = scratch.next[left]
      scratch.symbols[left] = scratch.merges[left].symbol
      scratch.symbols[right] = -1
      scratch.next[left] = scratch.next[right]
      if scratch.next[left] < count { scratch.previous[scratch.next[left]] = left }
      for first in [scratch.previous[left], left] where first >= 0 {
        let second = scratch.next[first]
        let merge =
          second < count
          ? merges.find(scratch.symbols[first], scratch.symbols[second]) : .none
        scratch.merges[first] = merge
        if merge.rank != .max { scratch.queue.push(priority: merge.rank, position: first) }
      }
    }
  }
}
