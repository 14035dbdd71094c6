public import Tensors
public import Transformer

/// Micro-batches that are made when they are asked for: of a large set only the one at hand is in memory.
public struct TokenBatches: RandomAccessCollection, Sendable {
  private let sequence: @Sendable (Int) -> TokenSequence
  private let lengths: SpilledArray<Int32>
  /// Sequences of all micro-batches; micro-batch b is `bounds[b]..<bounds[b + 1]`.
  private let order: SpilledArray<Int32>
  private let bounds: [Int]
  /// Those that are left, where some were chosen.
  private var chosen: [Int]?

  /// Sequences that are packed together: the longest of each group come first.
  static let groupSize = 1 << 15

  /// All of `sequences` once, in micro-batches of at most `microTokens` tokens: an evaluation.
  ///
  /// Throws `TensorError.cannotSpill` without room for the order of a large set.
  public init(
    evaluating sequences: some TokenSequenceList & Sendable, microTokens: Int
  ) throws(TensorError) {
    sequence = { sequences[$0] }
    lengths = sequences.lengths
    var order = SpilledArray<Int32>.Writer()
    var bounds = [0]
    for group in Self.groups(lengths.count) {
      for run in BatchPlan.pack(Array(group), lengths: lengths, limit: microTokens) {
        for index in run { try order.append(Int32(index)) }
        bounds.append(order.count)
      }
    }
    self.order = try order.finish()
    self.bounds = bounds
  }

  /// Bytes in memory for at most so many micro-batches: where each begins, and which were chosen.
  static func byteCount(most count: Int) -> Int { 16 * count }

  /// The sequences of each group, of `count` in all.
  static func groups(_ count: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: groupSize).map { $0..<Swift.min($0 + groupSize, count) }
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { chosen?.count ?? bounds.count - 1 }

  public subscript(index: Int) -> TokenBatch { TokenBatch(indices(index).map { sequence($0) }) }

  private func indices(_ index: Int) -> [Int] {
    let run = chosen?[index] ?? index
    return order.values(bounds[run]..<bounds[run + 1]).map { Int($0) }
  }

  /// Tokens of all micro-batches.
  public var tokenCount: Int {
    indices.reduce(0) { sum, batch in
      indices(batch).reduce(sum) { $0 + Int(lengths[$1]) }
    }
  }

  /// Sequences of all micro-batches.
  public var sequenceCount: Int { indices.reduce(0) { $0 + indices($1).count } }

  /// `count` of the micro-batches, spread over all: the first have the longest sequences.
  public func spread(_ count: Int) -> TokenBatches {
    guard count < self.count else { return self }
    let wanted = Swift.max(count, 1)
    let all = chosen ?? Array(0..<self.count)
    var part = self
    part.chosen = (0..<wanted).map { all[$0 * all.count / wanted] }
    return part
  }
}
