public import Transformer

/// Which mean over the initialisation data is taken, for the gradient and for the losses before and after: the values of
/// `--init-loss`.
public enum InitializationLoss: String, Sendable, Hashable, Codable, CaseIterable {
  /// Over all target tokens.
  case tokens
  /// Over each sequence's targets, then over the sequences: short sequences count as much as long ones, as in LoRA-One's
  /// reference implementation.
  case perSequence = "per-sequence"

  /// What each row's loss counts in the mean, by micro-batch: the weights of the rows with a target add up to 1. Sequences
  /// without a target do not count.
  public func weights(_ batches: [TokenBatch]) -> [[Float]] {
    switch self {
    case .tokens:
      let targets = batches.reduce(0) { $0 + $1.targetCount }
      let weight = 1 / Float(max(targets, 1))
      return batches.map { Array(repeating: weight, count: $0.tokenCount) }
    case .perSequence:
      let counts: [[Int]] = batches.map { batch in
        batch.sequenceRows.map { rows in
          batch.targets[rows].count { $0 != TokenSequence.ignored }
        }
      }
      let sequences = counts.reduce(0) { sum, batch in sum + batch.count { $0 > 0 } }
      return zip(batches, counts).map { batch, counts in
        var weights: [Float] = []
        for (rows, count) in zip(batch.sequenceRows, counts) {
          let weight = count > 0 ? 1 / (Float(sequences) * Float(count)) : 0
          weights += Array(repeating: weight, count: rows.count)
        }
        return weights
      }
    }
  }
}

extension TokenBatch {
  /// The rows of each sequence.
  fileprivate var sequenceRows: [Range<Int>] {
    zip(starts, starts.dropFirst()).map { Int($0)..<Int($1) }
  }
}
