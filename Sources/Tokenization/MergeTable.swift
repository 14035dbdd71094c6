/// Which two neighbouring symbols merge, how early, and into what: (left, right) → (rank, merged).
///
/// Open addressing with linear probing, at most half full; keys are two symbol numbers in 64 bits.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    /// The line of the merge in the model file: smaller merges first.
    var rank: UInt32
    /// The symbol the two become.
    var symbol: Int32

    /// Stands for "these two never merge".
    static let none = Merge(rank: .max, symbol: -1)
  }

  private struct Slot {
    var key: UInt64
    var merge: Merge
  }

  private var slots: [Slot]
  private static let empty = UInt64.max

  init(capacity: Int) {
    var slotCount = 16
    while slotCount < 2 * (capacity + 1) { slotCount *= 2 }
    slots = Array(repeating: Slot(key: Self.empty, merge: .none), count: slotCount)
  }

  /// The merge of two neighbours, `Merge.none` if they do not merge.
  func find(_ left: Int32, _ right: Int32) -> Merge {
    slots[slot(Self.key(left, right))].merge
  }

  /// Adds a merge; the first one of a pair stays. The table holds as many as `init` was told.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let key = Self.key(left, right)
    let slot = slot(key)
    if slots[slot].key == key { return }
    slots[slot] = Slot(key: key, merge: merge)
  }

  private func slot(_ key: UInt64) -> Int {
    let mask = slots.count - 1
    let hash = key &* 0x9e37_79b9_7f4a_7c15
    var slot = Int(truncatingIfNeeded: hash >> 32) & mask
    while slots[slot].key != key, slots[slot].key != Self.empty { slot = (slot + 1) & mask }
    return slot
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }
}
