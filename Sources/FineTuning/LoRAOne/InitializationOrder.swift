public import Tensors

/// Which sequences the start looks at: the values of `--init-order`.
public enum InitializationOrder: String, Sendable, Hashable, Codable, CaseIterable {
  /// A seeded sample.
  case random
  /// The first ones of the training data.
  case first

  /// `wanted` of `count` sequences, or all where there are fewer, by index, ascending. Throws `TensorError.cannotSpill` without
  /// room for the order of a large set.
  public func sample(
    _ wanted: Int, of count: Int, seed: UInt64
  ) throws(TensorError) -> [Int] {
    switch self {
    case .random:
      var generator = RandomGenerator(seed: seed).stream("init samples")
      return try SpilledArray.permutation(count, &generator).prefix(wanted).map { Int($0) }.sorted()
    case .first:
      return Array(0..<min(wanted, count))
    }
  }
}
