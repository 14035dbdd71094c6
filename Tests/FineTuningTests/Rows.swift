import Tensors

@testable import FineTuning

// Small data sets as arrays of numbers.

extension Dataset {
  /// Line of its file where the record of each sequence begins.
  var lines: [Int] { sequences.lines }
}

extension TokenSequences {
  var lines: [Int] { indices.map { line($0) } }
}

extension BatchPlan {
  init(
    lengths: [Int], size: StepSize, duration: Duration, microTokens: Int, seed: UInt64
  ) throws {
    try self.init(
      lengths: SpilledArray(lengths.map { Int32($0) }), size: size, duration: duration,
      microTokens: microTokens, seed: seed)
  }

  static func pack(_ indices: [Int], lengths: [Int], limit: Int) -> [[Int]] {
    pack(indices, lengths: SpilledArray(lengths.map { Int32($0) }), limit: limit)
  }
}
