internal import Tensors

/// Which sequences the start looks at: the values of `--init-order`.
public enum InitializationOrder: String, Sendable, Hashable, Codable, CaseIterable {
  /// A seeded sample.
  case random
  /// The first ones of the training data.
  case first

  /// `wanted` of `count` sequences, or all where there are fewer, by index, ascending.
  public func sample(_ wanted: Int, of count: Int, seed: UInt64) -> [Int] {
    switch self {
    case .random:
      var generator = RandomGenerator(seed: seed).stream("init samples")
      return generator.permutation(count).prefix(wanted).sorted()
    case .first:
      return Array(0..<min(wanted, count))
    }
  }
}
