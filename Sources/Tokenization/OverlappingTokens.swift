/// A group of special tokens in a text of which each overlaps another, and the choice among them.
///
/// Every byte where tokens begin has one candidate, first the longest. Candidates are taken in
/// order of rank and then from left to right. One whose first byte is gone is dropped; one whose
/// last byte is gone gives way to the longest token that still fits there. What is in its way is at
/// least as long as it is, so the room at least halves each time: a byte has at most log₂ k
/// candidates, k being the bytes of the longest token. Memory: 12 bytes for each byte of the group.
struct OverlappingTokens {
  private let tokens: SpecialTokens
  private let range: Range<Int>
  private let selection: SpecialTokens.Selection
  /// The longest token at each byte where one begins, as numbers whose order is that of taking
  /// them: the rank in the upper half, and how far behind `start` it begins in the lower.
  private var candidates: [UInt64] = []
  /// The bytes that they cover.
  private var start = 0
  private var end = 0

  init(_ tokens: SpecialTokens, in range: Range<Int>, _ selection: SpecialTokens.Selection) {
    self.tokens = tokens
    self.range = range
    self.selection = selection
  }

  /// Whether a token that begins at `position` belongs to the group: it overlaps another of it, or
  /// there is nothing but white space between, which one of them may take along.
  func reaches(_ position: Int, _ bytes: Span<UInt8>) -> Bool {
    if candidates.isEmpty || position < end { return true }
    return tokens.stripsAny
      && (end..<position).allSatisfy { WhitespaceStripping.isSpace(bytes[$0]) }
  }

  /// Adds the longest token that begins at a byte right of all others.
  mutating func append(_ position: Int, _ rank: Int32) {
    if candidates.isEmpty { start = position }
    candidates.append(UInt64(UInt32(rank)) << 32 | UInt64(UInt32(position - start)))
    end = max(end, position + Int(tokens.entries[Int(rank)].count))
  }

  private func candidate(_ index: Int) -> (rank: Int32, place: Int)? {
    guard index < candidates.count else { return nil }
    return (Int32(candidates[index] >> 32), start + Int(candidates[index] & 0xffff_ffff))
  }

  /// Adds what is chosen to `fragments` and empties the group.
  mutating func choose(_ bytes: Span<UInt8>, into fragments: inout FragmentList) {
    defer {
      candidates.removeAll(keepingCapacity: true)
      end = 0
    }
    if candidates.count == 1, let only = candidate(0) {
      let entry = tokens.entries[Int(only.rank)]
      let place = only.place..<(only.place + Int(entry.count))
      let stretch = stretch(of: entry, at: place, bytes) { _ in false }
      fragments.append(entry.id, at: place, taking: stretch)
    } else if !candidates.isEmpty {
      chooseAmongSeveral(bytes, into: &fragments)
    }
  }

  /// A token that was chosen, and all of the text that goes with it.
  private struct Choice {
    var rank: Int32
    var start: Int
    var stretch: Range<Int>
  }

  private mutating func chooseAmongSeveral(
    _ bytes: Span<UInt8>, into fragments: inout FragmentList
  ) {
    // White space may be stripped beyond the first and the last token. Where no token does that, a
    // text of white space has many groups, and each would go through all that lies around it.
    var (lower, upper) = (start, end)
    if tokens.stripsAny {
      while lower > range.lowerBound, WhitespaceStripping.isSpace(bytes[lower - 1]) { lower -= 1 }
      while upper < range.upperBound, WhitespaceStripping.isSpace(bytes[upper]) { upper += 1 }
    }
    /// Where the stretch that took a byte begins, counted from `lower`; -1 for a byte that is free.
    var owner = Array(repeating: Int32(-1), count: upper - lower)
    candidates.sort()
    var queue = MergeQueue()
    var next = 0
    var chosen: [Choice] = []
    while true {
      let fresh = candidate(next)
      let again = queue.first.map { (rank: Int32($0.priority), place: $0.position + lower) }
      guard var (rank, place) = fresh ?? again else { break }
      if let fresh, again.map({ fresh < $0 }) ?? true {
        next += 1
      } else if let again {
        (rank, place) = again
        _ = queue.pop()
      }
      if owner[place - lower] >= 0 { continue }
      let entry = tokens.entries[Int(rank)]
      let taker = owner[place + Int(entry.count) - 1 - lower]
      if taker >= 0 {
        let room = Int(taker) + lower - place
        rank = tokens.fitting(entry.shorter, room: room, selection)
        if rank >= 0 { queue.push(priority: UInt32(rank), position: place - lower) }
        continue
      }
      let stretch = stretch(of: entry, at: place..<(place + Int(entry.count)), bytes) {
        owner[$0 - lower] >= 0
      }
      for position in stretch {
        owner[position - lower] = Int32(stretch.lowerBound - lower)
      }
      chosen.append(Choice(rank: rank, start: place, stretch: stretch))
    }
    chosen.sort { $0.start < $1.start }
    for choice in chosen {
      let entry = tokens.entries[Int(choice.rank)]
      let place = choice.start..<(choice.start + Int(entry.count))
      fragments.append(entry.id, at: place, taking: choice.stretch)
    }
  }

  /// A token's place and the white space beside it that goes with it, up to what is taken already.
  private func stretch(
    of entry: SpecialTokens.Entry, at place: Range<Int>, _ bytes: Span<UInt8>,
    isTaken: (Int) -> Bool
  ) -> Range<Int> {
    var (first, last) = (place.lowerBound, place.upperBound)
    if entry.stripsLeft {
      while first > range.lowerBound, WhitespaceStripping.isSpace(bytes[first - 1]),
        !isTaken(first - 1)
      { first -= 1 }
    }
    if entry.stripsRight {
      while last < range.upperBound, WhitespaceStripping.isSpace(bytes[last]), !isTaken(last) {
        last += 1
      }
    }
    return first..<last
  }
}
