/// One sequence of tokens with its targets.
///
/// `targets[i]` is the token to predict after `ids[i]` has been read, or `TokenSequence.ignored` where no loss is
/// taken. Both arrays have the same length; the last target of plain text is `ignored`.
public struct TokenSequence: Sendable, Equatable {
  /// Marks a position without loss.
  public static let ignored: Int32 = -1

  public var ids: [Int32]
  public var targets: [Int32]

  public init(ids: [Int32], targets: [Int32]) {
    precondition(ids.count == targets.count)
    self.ids = ids
    self.targets = targets
  }

  /// Every token after the first is a target.
  public init(allTargets ids: [Int32]) {
    self.ids = ids
    self.targets = Array(ids.dropFirst()) + (ids.isEmpty ? [] : [TokenSequence.ignored])
  }

  /// Positions with a loss.
  public var targetCount: Int { targets.count { $0 != TokenSequence.ignored } }
}

/// A micro-batch: sequences laid end to end, no padding. Attention is causal inside each sequence and
/// positions restart at each start.
public struct TokenBatch: Sendable, Equatable {
  public private(set) var ids: [Int32] = []
  public private(set) var targets: [Int32] = []
  public private(set) var positions: [Int32] = []
  /// `starts[s]..<starts[s+1]` are the rows of sequence s; the first is 0, the last the token count.
  public private(set) var starts: [Int32] = [0]
  /// What of the adapters' inputs is dropped; nil but in a step of training that drops some.
  public var dropout: Dropout?
  /// What a backward in int8 rounds output gradients by.
  public var rounding = GradientRounding.outsideSteps

  public init() {}

  public init(_ sequences: [TokenSequence]) {
    for sequence in sequences { append(sequence) }
  }

  public mutating func append(_ sequence: TokenSequence) {
    ids += sequence.ids
    targets += sequence.targets
    positions += 0..<Int32(sequence.ids.count)
    starts.append(Int32(ids.count))
  }

  public var tokenCount: Int { ids.count }
  public var sequenceCount: Int { starts.count - 1 }
  public var targetCount: Int { targets.count { $0 != TokenSequence.ignored } }

  /// Whether every sequence of the batch begins at position 0: then no earlier key or value exists, and
  /// attention needs no cache.
  func startsFresh(_ positions: [Int32]) -> Bool {
    starts.dropLast().allSatisfy { Int($0) == positions.count || positions[Int($0)] == 0 }
  }
}
