/// A long word that is being merged: a linked list of symbols and a heap of the pairs that merge.
///
/// O(n log n) time for n symbols, and some 26 bytes a symbol.
struct LongWord {
  /// The symbol at each place, or `gone`.
  private var symbols: [Int32]
  /// The rank of the merge of the symbol at each place with the next one.
  private var ranks: [UInt32]
  private var next: [Int32]
  private var previous: [Int32]
  private var queue = MergeQueue()
  /// Stale pairs are swept out of the heap before it outgrows this.
  private let limit: Int

  /// Stands for what was merged into the symbol before it.
  private static let gone = Int32.min

  /// - Parameter list: fewer than 2³¹ symbols.
  init(_ list: [Int32], _ merges: MergeTable) {
    symbols = list
    let count = list.count
    next = Array(1...Int32(count))
    previous = Array(-1..<Int32(count - 1))
    ranks = Array(repeating: .max, count: count)
    limit = count + count / 4
    queue.reserve(limit + 2)
    for place in 0..<(count - 1) {
      ranks[place] = merges.find(list[place], list[place + 1]).rank
      if ranks[place] != .max { queue.push(priority: ranks[place], position: place) }
    }
  }

  /// Merges until nothing merges.
  mutating func merge(_ merges: MergeTable) {
    while let (rank, left) = queue.pop() {
      guard symbols[left] != Self.gone, ranks[left] == rank else { continue }
      let right = Int(next[left])
      symbols[left] = merges.find(symbols[left], symbols[right]).symbol
      symbols[right] = Self.gone
      next[left] = next[right]
      if Int(next[left]) < symbols.count { previous[Int(next[left])] = Int32(left) }
      if previous[left] >= 0 { renew(Int(previous[left]), merges) }
      renew(left, merges)
      if queue.count > limit { sweep() }
    }
  }

  /// Finds the merge of the symbol at a place with the next one.
  private mutating func renew(_ place: Int, _ merges: MergeTable) {
    let following = Int(next[place])
    ranks[place] =
      following < symbols.count ? merges.find(symbols[place], symbols[following]).rank : .max
    if ranks[place] != .max { queue.push(priority: ranks[place], position: place) }
  }

  private mutating func sweep() {
    queue.removeAll { rank, place in symbols[place] == Self.gone || ranks[place] != rank }
  }

  /// The symbols that are left, in order.
  var remaining: some Sequence<Int32> { symbols.lazy.filter { $0 != Self.gone } }
}
