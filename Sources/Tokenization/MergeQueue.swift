/// A binary heap of (priority, position), smallest priority first and then leftmost.
///
/// The order in which both tokenizers merge neighbours: by rank (byte pair encoding) or by falling
/// score (SentencePiece). Entries are never removed when they go stale: whoever pops one checks
/// that the pair at that position still has that priority. Push and pop are O(log n).
struct MergeQueue {
  private var heap: [UInt64] = []

  var count: Int { heap.count }

  mutating func reserve(_ capacity: Int) { heap.reserveCapacity(capacity) }

  mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

  /// Takes out the entries that a caller knows to be stale. O(n).
  mutating func removeAll(where isStale: (_ priority: UInt32, _ position: Int) -> Bool) {
    heap.removeAll { isStale(UInt32($0 >> 32), Int($0 & 0xffff_ffff)) }
    for parent in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(parent) }
  }

  mutating func push(priority: UInt32, position: Int) {
    heap.append(UInt64(priority) << 32 | UInt64(UInt32(position)))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if heap[parent] <= heap[child] { break }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  /// What `pop` would give.
  var first: (priority: UInt32, position: Int)? {
    heap.first.map { (UInt32($0 >> 32), Int($0 & 0xffff_ffff)) }
  }

  mutating func pop() -> (priority: UInt32, position: Int)? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink(0)
    }
    return (UInt32(top >> 32), Int(top & 0xffff_ffff))
  }

  /// Moves an entry down to where its children are no smaller.
  private mutating func sink(_ place: Int) {
    var parent = place
    while true {
      var child = 2 * parent + 1
      if child >= heap.count { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      if heap[parent] <= heap[child] { break }
      heap.swapAt(parent, child)
      parent = child
    }
  }

  /// A priority that falls as the score rises.
  static func priority(ofScore score: Float) -> UInt32 {
    let bits = (score + 0).bitPattern  // + 0 makes −0 equal 0
    let rising = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    return ~rising
  }
}
