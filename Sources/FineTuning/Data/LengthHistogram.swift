/// How long the sequences of a data set are, in tokens.
public struct LengthHistogram: Sendable, Equatable {
  /// Sequences of up to 2, 4, 8, … tokens, each bucket by its upper end.
  public private(set) var buckets: [Int: Int] = [:]
  /// Sequences.
  public private(set) var count = 0
  /// Tokens in all.
  public private(set) var total = 0
  public private(set) var longest = 0

  mutating func add(_ length: Int) {
    var bucket = 2
    while bucket < length { bucket *= 2 }
    buckets[bucket, default: 0] += 1
    count += 1
    total += length
    longest = max(longest, length)
  }

  /// The buckets from the shortest to the longest sequence, those between that are empty too; everything up to 16 tokens is one.
  public var bars: [(upTo: Int, count: Int)] {
    guard count > 0 else { return [] }
    var bars: [(upTo: Int, count: Int)] = []
    var bucket = 16
    repeat {
      let own = bucket == 16 ? [2, 4, 8, 16] : [bucket]
      bars.append((bucket, own.reduce(0) { $0 + (buckets[$1] ?? 0) }))
      bucket *= 2
    } while bucket / 2 < longest
    return Array(bars.drop { $0.count == 0 })
  }
}
