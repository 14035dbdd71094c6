/// The tokens of words that were met before.
///
/// Most words of a text are few: with them at hand it is tokenized several times as fast. Of fixed
/// size, a word in the only slot that its bytes give it, the newest wins. Words of more than 15
/// bytes or 8 tokens are not kept.
struct WordMemory: Sendable {
  /// Where a word is or would be.
  struct Slot {
    fileprivate var index: Int
    fileprivate var low: UInt64
    /// The bytes behind the eighth, and the number of all in the uppermost byte: never 0.
    fileprivate var high: UInt64
  }

  private var low: [UInt64]
  private var high: [UInt64]
  private var counts: [UInt8]
  private var ids: [Int32]

  private static let idsPerWord = 8
  /// Slots for a long text or many: 0.8 MB.
  private static let mostSlots = 16_384

  /// - Parameter byteCount: of the text.
  init(byteCount: Int) {
    var size = 16
    while size < Self.mostSlots, size < byteCount / 4 { size *= 2 }
    low = Array(repeating: 0, count: size)
    high = Array(repeating: 0, count: size)
    counts = Array(repeating: 0, count: size)
    ids = Array(repeating: 0, count: size * Self.idsPerWord)
  }

  var isLargest: Bool { counts.count == Self.mostSlots }

  /// Nil if a word like this is not kept.
  func slot(of word: Span<UInt8>) -> Slot? {
    let count = word.count
    guard count > 0, count < 16 else { return nil }
    var low: UInt64 = 0
    var high = UInt64(count) << 56
    for position in 0..<min(8, count) {
      low |= UInt64(word[position]) << UInt64(8 * position)
    }
    if count > 8 {
      for position in 8..<count { high |= UInt64(word[position]) << UInt64(8 * (position - 8)) }
    }
    let mixed = (low ^ high &* 0x9e37_79b9_7f4a_7c15) &* 0xd6e8_feb8_6659_fd93
    let index = Int(truncatingIfNeeded: mixed >> 40) & (counts.count - 1)
    return Slot(index: index, low: low, high: high)
  }

  /// Appends the tokens of the word that has this slot; false if it is not there.
  func recall(_ slot: Slot, into list: inout [Int32]) -> Bool {
    guard high[slot.index] == slot.high, low[slot.index] == slot.low else { return false }
    let start = slot.index * Self.idsPerWord
    for place in start..<(start + Int(counts[slot.index])) { list.append(ids[place]) }
    return true
  }

  mutating func remember(_ slot: Slot, _ list: ArraySlice<Int32>) {
    guard list.count <= Self.idsPerWord else { return }
    low[slot.index] = slot.low
    high[slot.index] = slot.high
    counts[slot.index] = UInt8(list.count)
    var place = slot.index * Self.idsPerWord
    for id in list {
      ids[place] = id
      place += 1
    }
  }
}
