internal import Tensors

/// Some of the rows of a data set, a bit each.
struct RowSelection {
  private var words: [UInt64]
  private let count: Int

  /// The first `chosen` of a seeded order of `count` rows. Throws `TensorError.cannotSpill` without room for the order.
  init(
    _ chosen: Int, of count: Int, _ generator: inout RandomGenerator
  ) throws(TensorError) {
    self.count = count
    words = [UInt64](repeating: 0, count: Self.byteCount(of: count) / 8)
    let order = try SpilledArray.permutation(count, &generator)
    for row in order.prefix(chosen) { words[Int(row) / 64] |= 1 << (UInt64(row) % 64) }
  }

  /// Bytes in memory for so many rows.
  static func byteCount(of count: Int) -> Int { (count + 63) / 64 * 8 }

  private func contains(_ row: Int) -> Bool { words[row / 64] >> (UInt64(row) % 64) & 1 == 1 }

  /// The rows chosen, ascending.
  var rows: some Sequence<Int> { (0..<count).lazy.filter { contains($0) } }
  /// The others, ascending.
  var others: some Sequence<Int> { (0..<count).lazy.filter { !contains($0) } }
}
