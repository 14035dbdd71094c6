/// Byte strings numbered in the order they are appended, and found again by content.
///
/// Open addressing (linear probing, at most half full) over FNV-1a hashes; the strings lie end to
/// end in one buffer. Swift's `Dictionary<String, …>` would be wrong here and slow: `String`
/// compares by canonical equivalence, so that "é" and "e" + U+0301, two tokens, would be one key.
/// Nothing is ever removed.
struct ByteStringTable: Sendable {
  private var storage: [UInt8] = []
  /// Entry i occupies `ends[i - 1] ..< ends[i]` of the storage.
  private var ends: [Int] = []
  /// Entry numbers, or -1; a power of two of them.
  private var slots: [Int32]

  init(capacity: Int = 0) {
    var slotCount = 16
    while slotCount < 2 * capacity { slotCount *= 2 }
    slots = Array(repeating: -1, count: slotCount)
    ends.reserveCapacity(capacity)
  }

  var count: Int { ends.count }

  /// Where entry `index` lies in `bytes`.
  private func range(_ index: Int) -> Range<Int> {
    (index == 0 ? 0 : ends[index - 1])..<ends[index]
  }

  /// The bytes of entry `index`.
  subscript(index: Int) -> ArraySlice<UInt8> { storage[range(index)] }

  /// The number of the newest entry with these bytes.
  func find(_ key: Span<UInt8>) -> Int? {
    let mask = slots.count - 1
    var slot = Self.hash(key) & mask
    while slots[slot] >= 0 {
      let index = Int(slots[slot])
      if equals(index, key) { return index }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// Adds an entry; an older one with the same bytes keeps its number but is no longer found.
  @discardableResult
  mutating func append(_ key: Span<UInt8>) -> Int {
    let index = ends.count
    if 2 * (index + 1) > slots.count { grow() }
    for position in key.indices { storage.append(key[position]) }
    ends.append(storage.count)
    place(index, hash: Self.hash(key))
    return index
  }

  /// The number of the entry with these bytes, added if it is not there yet.
  mutating func intern(_ key: Span<UInt8>) -> Int {
    if let index = find(key) { return index }
    return append(key)
  }

  private mutating func place(_ index: Int, hash: Int) {
    let mask = slots.count - 1
    var slot = hash & mask
    while slots[slot] >= 0, storage[range(Int(slots[slot]))] != storage[range(index)] {
      slot = (slot + 1) & mask
    }
    slots[slot] = Int32(index)
  }

  private mutating func grow() {
    slots = Array(repeating: -1, count: 2 * slots.count)
    for index in 0..<ends.count {
      place(index, hash: Self.hash(storage.span.extracting(range(index))))
    }
  }

  private func equals(_ index: Int, _ key: Span<UInt8>) -> Bool {
    let range = range(index)
    guard range.count == key.count else { return false }
    for position in key.indices where storage[range.lowerBound + position] != key[position] {
      return false
    }
    return true
  }

  /// FNV-1a of 64 bits, its halves folded together.
  private static func hash(_ key: Span<UInt8>) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for position in key.indices {
      hash = (hash ^ UInt64(key[position])) &* 0x100_0000_01b3
    }
    return Int(truncatingIfNeeded: hash ^ (hash >> 29))
  }
}
