public import Tensors
public import Transformer

/// Which sequences each optimizer step sees, decided whole before training: the number of steps is
/// known.
///
/// Every epoch is a seeded shuffle of its own, cut into `ceil(size / step size)` steps of nearly
/// equal size (a rest is spread instead of left as one tiny step). Inside a step whole sequences
/// are packed into micro-batches, first fit, longest first. Same lengths, options and seed give the
/// same plan.
public struct BatchPlan: Sendable {
  /// How large one optimizer step is.
  public enum StepSize: Sendable, Equatable {
    /// About this many tokens.
    case tokens(Int)
    /// This many sequences.
    case sequences(Int)
  }

  /// How long to train.
  public enum Duration: Sendable, Equatable {
    case epochs(Int)
    case steps(Int)
  }

  /// One optimizer step.
  public struct Step: Sendable, Equatable {
    /// Epoch it belongs to, from 0.
    public let epoch: Int
    /// Passes over the data once this step is done (1.5 = half of the second epoch).
    public let epochsDone: Double
    /// Indices of the sequences of each micro-batch.
    public let microBatches: [[Int]]
  }

  /// Tokens of each sequence of the data set.
  public let lengths: SpilledArray<Int32>
  /// Most tokens in a micro-batch of several sequences.
  public private(set) var microTokens: Int

  private let order: SpilledArray<Int32>
  /// Their lengths.
  private let orderedLengths: SpilledArray<Int32>
  /// Positions in `order`; step s is `bounds[s]..<bounds[s + 1]`.
  private let bounds: [Int]

  /// `lengths` must not be empty; sizes must be positive. Throws `TensorError.cannotSpill` without room for the order of a large
  /// set.
  public init(
    lengths: SpilledArray<Int32>, size: StepSize, duration: Duration, microTokens: Int, seed: UInt64
  ) throws(TensorError) {
    precondition(!lengths.isEmpty && microTokens > 0)
    self.lengths = lengths
    self.microTokens = microTokens
    let total: Int
    let wanted: Int
    switch size {
    case .tokens(let tokens):
      total = lengths.reduce(0) { $0 + Int($1) }
      wanted = tokens
    case .sequences(let sequences):
      total = lengths.count
      wanted = sequences
    }
    precondition(wanted > 0)
    let parts = (total + wanted - 1) / wanted
    let limit: Int
    let epochs: Int
    switch duration {
    case .epochs(let count): (epochs, limit) = (count, Int.max)
    case .steps(let count): (epochs, limit) = (Int.max, count)
    }
    let generator = RandomGenerator(seed: seed).stream("batches")
    var order = SpilledArray<Int32>.Writer()
    var ordered = SpilledArray<Int32>.Writer()
    var bounds = [0]
    func closeStep(_ count: Int) { if count > bounds[bounds.count - 1] { bounds.append(count) } }
    var epoch = 0
    while epoch < epochs, bounds.count - 1 < limit {
      var epochGenerator = generator.stream(epoch)
      var done = 0
      var part = 0
      for index in try SpilledArray.permutation(lengths.count, &epochGenerator) {
        let length = lengths[Int(index)]
        let weight = if case .tokens = size { Int(length) } else { 1 }
        // The part in which the middle of this sequence lies; parts that get none are left out.
        let own = min((2 * done + weight) * parts / (2 * total), parts - 1)
        if own != part {
          closeStep(order.count)
          part = own
        }
        if bounds.count - 1 == limit { break }
        try order.append(index)
        try ordered.append(length)
        done += weight
      }
      closeStep(order.count)
      epoch += 1
    }
    self.bounds = bounds
    self.order = try order.finish()
    orderedLengths = try ordered.finish()
  }

  /// Optimizer steps in all.
  public var stepCount: Int { bounds.count - 1 }

  /// Tokens that all steps read.
  public var tokenCount: Int { orderedLengths.reduce(0) { $0 + Int($1) } }

  /// Step `index`, from 0.
  public func step(_ index: Int) -> Step {
    let range = bounds[index]..<bounds[index + 1]
    let indices = order.values(range)
    return Step(
      epoch: range.lowerBound / lengths.count,
      epochsDone: Double(range.upperBound) / Double(lengths.count),
      microBatches: Self.pack(lengths: self.lengths(ofStep: index), limit: microTokens)
        .map { $0.map { Int(indices[$0]) } })
  }

  /// Tokens of each sequence of step `index`.
  func lengths(ofStep index: Int) -> [Int] {
    orderedLengths.values(bounds[index]..<bounds[index + 1]).map { Int($0) }
  }

  /// The same steps, cut into micro-batches of at most `microTokens` tokens.
  public func withMicroBatches(of microTokens: Int) -> BatchPlan {
    precondition(microTokens > 0)
    var plan = self
    plan.microTokens = microTokens
    return plan
  }

  /// The micro-batches of step `index`, cut from the sequences the plan was made for.
  public func batches(
    _ index: Int, of sequences: some TokenSequenceList
  ) -> [TokenBatch] {
    precondition(sequences.count == lengths.count)
    return step(index).microBatches.map { TokenBatch($0.map { sequences[$0] }) }
  }

  /// Whole sequences packed into as few runs of at most `limit` tokens as first fit, longest first,
  /// finds. A sequence longer than `limit` gets a run of its own.
  public static func pack(
    _ indices: [Int], lengths: SpilledArray<Int32>, limit: Int
  ) -> [[Int]] {
    pack(lengths: indices.map { Int(lengths[$0]) }, limit: limit).map { $0.map { indices[$0] } }
  }

  /// The same for sequences of these lengths, by position.
  static func pack(lengths own: [Int], limit: Int) -> [[Int]] {
    let sorted = own.indices.sorted { own[$0] == own[$1] ? $0 < $1 : own[$0] > own[$1] }
    var runs: [[Int]] = []
    var room: [Int] = []
    // Runs before `firstOpen` have no room for even the shortest sequence.
    let shortest = own.min() ?? 0
    var firstOpen = 0
    for position in sorted {
      let length = own[position]
      while firstOpen < runs.count, room[firstOpen] < shortest { firstOpen += 1 }
      if let run = (firstOpen..<runs.count).first(where: { room[$0] >= length }) {
        runs[run].append(position)
        room[run] -= length
      } else {
        runs.append([position])
        room.append(limit - length)
      }
    }
    return runs
  }
}
