/// SentencePiece's tokenizer of Llama 1 and 2, TinyLlama, Mistral, Gemma: merge the two neighbours
/// that make the token of highest score, the leftmost first, until no two neighbours make a token.
///
/// The text goes in with its spaces; they become ▁ (U+2581) here. A character without a token is
/// written in byte tokens `<0xXX>`, or else as the unknown token; a byte for which a vocabulary has
/// neither is dropped (llama.cpp fails there). As llama.cpp's `llm_tokenizer_spm_session`, but that
/// control tokens never come out of plain text. Does not normalise (no NFKC: GGUF files of this
/// kind carry no character map).
///
/// The text is cut where no token reaches across (`NeighbourFilter`), mostly before every word. A
/// short part is scanned for its best merge, a long one goes through a heap: n characters cost
/// O(n log n), and some 40 bytes each while they are merged.
struct SentencePiece: Sendable {
  private let table: PieceTable
  private let neighbours: NeighbourFilter
  /// What each byte becomes when no token covers it; -1 means it is dropped.
  private var tokenOfByte: [Int32] = []

  static let space: [UInt8] = [0xe2, 0x96, 0x81]
  private static let packedSpace: UInt32 = 0xe29681

  /// Parts of more characters than this are merged through the heap.
  private static let scanLimit = 32

  /// Buffers of the part at hand, kept from one part to the next.
  struct Scratch: Sendable {
    fileprivate var bytes: [UInt8] = []
    /// Where each symbol begins; one more stands for the end.
    fileprivate var starts: [Int32] = []
    /// The token of each symbol; -1 for a character without one.
    fileprivate var tokens: [Int32] = []
    /// The token that each symbol and its right neighbour make, or -1.
    fileprivate var merged: [Int32] = []
    fileprivate var next: [Int32] = []
    fileprivate var previous: [Int32] = []
    fileprivate var queue = MergeQueue()
  }

  init(_ vocabulary: Vocabulary, unknown: Int32?) {
    table = PieceTable(vocabulary)
    neighbours = NeighbourFilter(vocabulary)
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in UInt8.min...UInt8.max {
      let name =
        Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]] + Array(">".utf8)
      let single = [byte]
      tokenOfByte.append(
        vocabulary.find(name.span) ?? vocabulary.find(single.span) ?? unknown ?? -1)
    }
  }

  /// Appends the tokens of a text, with a space in front of it if `addsSpacePrefix`.
  func encode(
    _ text: Span<UInt8>, addsSpacePrefix: Bool, into ids: inout [Int32], scratch: inout Scratch
  ) {
    var left = Self.packedSpace
    if addsSpacePrefix, !text.isEmpty { appendSpace(to: &scratch) }
    var position = 0
    while position < text.count {
      let start = position
      position += 1
      var character = UInt32(text[start])
      if character >= 0x80 {
        while position < text.count, text[position] & 0xc0 == 0x80 {
          character = character << 8 | UInt32(text[position])
          position += 1
        }
      } else if character == 0x20 {
        character = Self.packedSpace
      }
      if !scratch.starts.isEmpty, !neighbours.mayJoin(left, character) {
        flush(into: &ids, &scratch)
      }
      left = character
      if character == Self.packedSpace {
        appendSpace(to: &scratch)
      } else {
        scratch.starts.append(Int32(scratch.bytes.count))
        for index in start..<position { scratch.bytes.append(text[index]) }
      }
    }
    flush(into: &ids, &scratch)
  }

  private func appendSpace(to scratch: inout Scratch) {
    scratch.starts.append(Int32(scratch.bytes.count))
    for byte in Self.space { scratch.bytes.append(byte) }
  }

  /// Appends the tokens of the characters gathered so far, and forgets them.
  private func flush(into ids: inout [Int32], _ scratch: inout Scratch) {
    let count = scratch.starts.count
    guard count > 0 else { return }
    scratch.starts.append(Int32(scratch.bytes.count))
    scratch.tokens.removeAll(keepingCapacity: true)
    for index in 0..<count {
      let range = Int(scratch.starts[index])..<Int(scratch.starts[index + 1])
      scratch.tokens.append(table.character(scratch.bytes.span.extracting(range)))
    }
    scratch.merged.removeAll(keepingCapacity: true)
    for index in 0..<(count - 1) {
      scratch.merged.append(
        merge(scratch, index, index + 1, end: Int(scratch.starts[index + 2])))
    }
    if count <= Self.scanLimit {
      mergeByScanning(&scratch)
      for index in scratch.tokens.indices {
        emit(scratch, index, end: Int(scratch.starts[index + 1]), into: &ids)
      }
    } else {
      mergeByQueue(&scratch)
      var index = 0
      while index < count {
        let following = Int(scratch.next[index])
        emit(scratch, index, end: Int(scratch.starts[following]), into: &ids)
        index = following
      }
    }
    scratch.bytes.removeAll(keepingCapacity: true)
    scratch.starts.removeAll(keepingCapacity: true)
  }

  @inline(__always)
  private func emit(_ scratch: Scratch, _ index: Int, end: Int, into ids: inout [Int32]) {
    if scratch.tokens[index] >= 0 {
      ids.append(scratch.tokens[index])
    } else {
      for byte in scratch.bytes[Int(scratch.starts[index])..<end]
      where tokenOfByte[Int(byte)] >= 0 {
        ids.append(tokenOfByte[Int(byte)])
      }
    }
  }

  /// The token that two neighbours make, or -1; the right one ends before byte `end`.
  @inline(__always)
  private func merge(_ scratch: Scratch, _ left: Int, _ right: Int, end: Int) -> Int32 {
    let middle = Int(scratch.starts[right])
    let start = Int(scratch.starts[left])
    return table.joined(
      hash(scratch, left, end: middle), hash(scratch, right, end: end),
      scratch.bytes.span.extracting(start..<end))
  }

  @inline(__always)
  private func hash(_ scratch: Scratch, _ symbol: Int, end: Int) -> PieceTable.Hash {
    if scratch.tokens[symbol] >= 0 { return table.hash(scratch.tokens[symbol]) }
    var hash = PieceTable.Hash()
    for position in Int(scratch.starts[symbol])..<end { hash.append(scratch.bytes[position]) }
    return hash
  }

  /// O(n²) with a small constant; symbols that were merged away are gone.
  private func mergeByScanning(_ scratch: inout Scratch) {
    while true {
      var best = -1
      var priority = UInt32.max
      for index in scratch.merged.indices where scratch.merged[index] >= 0 {
        let candidate = table.priority(scratch.merged[index])
        if best < 0 || candidate < priority {
          priority = candidate
          best = index
        }
      }
      if best < 0 { return }
      scratch.tokens[best] = scratch.merged[best]
      scratch.tokens.remove(at: best + 1)
      scratch.starts.remove(at: best + 1)
      scratch.merged.remove(at: best)
      if best > 0 {
        scratch.merged[best - 1] = merge(
          scratch, best - 1, best, end: Int(scratch.starts[best + 1]))
      }
      if best < scratch.merged.count {
        scratch.merged[best] = merge(
          scratch, best, best + 1, end: Int(scratch.starts[best + 2]))
      }
    }
  }

  /// O(n log n): symbols form a linked list; one that was merged away has no left neighbour: -2.
  private func mergeByQueue(_ scratch: inout Scratch) {
    let count = scratch.tokens.count
    scratch.merged.append(-1)
    scratch.next.removeAll(keepingCapacity: true)
    scratch.next.append(contentsOf: 1...Int32(count))
    scratch.previous.removeAll(keepingCapacity: true)
    scratch.previous.append(contentsOf: -1..<Int32(count - 1))
    scratch.queue.removeAll()
    for index in 0..<count where scratch.merged[index] >= 0 {
      scratch.queue.push(
        priority: table.priority(scratch.merged[index]), position: index)
    }
    while let (priority, left) = scratch.queue.pop() {
      guard scratch.previous[left] >= -1, scratch.merged[left] >= 0,
        table.priority(scratch.merged[left]) == priority
      else { continue }
      let right = Int(scratch.next[left])
      scratch.tokens[left] = scratch.merged[left]
      scratch.next[left] = scratch.next[right]
      scratch.previous[right] = -2
      let following = Int(scratch.next[left])
      if following < count { scratch.previous[following] = Int32(left) }
      consider(Int(scratch.previous[left]), &scratch)
      consider(left, &scratch)
    }
  }

  private func consider(_ left: Int, _ scratch: inout Scratch) {
    guard left >= 0 else { return }
    let right = Int(scratch.next[left])
    guard right < scratch.tokens.count else {
      scratch.merged[left] = -1
      return
    }
    let end = Int(scratch.starts[Int(scratch.next[right])])
    let token = merge(scratch, left, right, end: end)
    scratch.merged[left] = token
    if token >= 0 { scratch.queue.push(priority: table.priority(token), position: left) }
  }
}
