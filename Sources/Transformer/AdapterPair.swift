public import Tensors

/// One low-rank pair as the products use it: `ΔW = scale · B · A`.
///
/// B is kept transposed, so that A and Bᵀ have the same form and their gradients the same kernels.
public struct AdapterPair {
  /// A [rank, in].
  public let a: Matrix
  /// Bᵀ [rank, out].
  public let bt: Matrix
  /// α/√rank (rank-stabilised) or α/rank.
  public let scale: Float

  public var rank: Int { a.rows }
}

/// Sums of gradients of one pair, float32, in the shapes of the pair.
public struct AdapterGradient {
  /// nil where A is frozen.
  public let a: Matrix?
  public let bt: Matrix
}

/// Where a pair lies among all trainable parameters.
public struct AdapterSlot: Sendable, Hashable {
  public let layer: Int
  public let projection: Projection
  /// Which of a stack of experts; nil for a projection that is one matrix.
  public let expert: Int?
  public let rank: Int
  public let out: Int
  public let `in`: Int
  /// First parameter of A; A takes `rank · in`.
  public let offsetA: Int
  /// First parameter of Bᵀ; it takes `rank · out`.
  public let offsetBT: Int

  /// Name of the weight, of an expert with its number.
  public var name: String {
    projection.weightName(layer: layer) + (expert.map { "[\($0)]" } ?? "")
  }
}

/// Shape of all adapters: which projections have one, of which rank and scale, and where they lie.
///
/// All A come first, then all Bᵀ: what an optimizer treats alike is one run of parameters.
public struct AdapterLayout: Sendable, Hashable {
  public let rank: Int
  public let alpha: Float
  /// Scale α/√r instead of α/r (rank-stabilised LoRA).
  public let rankStabilized: Bool
  public let slots: [AdapterSlot]
  /// Parameters, the padding between matrices included.
  public let count: Int
  /// Parameters of all A, padding included; a multiple of `Moments.blockSize`.
  public let countA: Int

  /// One pair to be laid out.
  public struct Place: Sendable, Hashable {
    public var layer: Int
    public var projection: Projection
    /// Of a stack of experts; all of them must be there, in order.
    public var expert: Int?
    public var rank: Int

    public init(layer: Int, projection: Projection, expert: Int? = nil, rank: Int) {
      self.layer = layer
      self.projection = projection
      self.expert = expert
      self.rank = rank
    }
  }

  /// Pairs for those of `targets` that the model has, in every layer, the rank clamped to each matrix's smaller side.
  ///
  /// - Parameter targets: nil for all projections but those of experts.
  public init(
    _ configuration: ModelConfiguration, rank: Int, alpha: Float, rankStabilized: Bool,
    targets: [Projection]? = nil
  ) {
    let targets = targets ?? configuration.projections
    let all = configuration.projections + configuration.expertProjections
    self.init(
      configuration,
      pairs: (0..<configuration.layerCount).flatMap { layer in
        all.filter(targets.contains).flatMap { projection -> [Place] in
          let (out, `in`) = configuration.shape(of: projection)
          let rank = min(rank, out, `in`)
          guard projection.isExpert, let experts = configuration.experts else {
            return [Place(layer: layer, projection: projection, rank: rank)]
          }
          return (0..<experts.count).map {
            Place(layer: layer, projection: projection, expert: $0, rank: rank)
          }
        }
      },
      rank: rank, alpha: alpha, rankStabilized: rankStabilized)
  }

  /// Pairs given one by one, by layer and projection, with the ranks that they have.
  ///
  /// - Parameter rank: the one that was asked for; nil for the largest.
  public init(
    _ configuration: ModelConfiguration, pairs: [Place], rank: Int? = nil, alpha: Float,
    rankStabilized: Bool
  ) {
    self.rank = rank ?? pairs.map(\.rank).max() ?? 1
    self.alpha = alpha
    self.rankStabilized = rankStabilized
    var slots: [AdapterSlot] = []
    func padded(_ count: Int, to multiple: Int = 32) -> Int {
      (count + multiple - 1) / multiple * multiple
    }
    func shape(_ pair: Place) -> (rank: Int, out: Int, in: Int) {
      let (out, `in`) = configuration.shape(of: pair.projection)
      return (pair.rank, out, `in`)
    }
    let countA = padded(
      pairs.reduce(0) { $0 + padded(shape($1).rank * shape($1).in) }, to: Moments.blockSize)
    var (nextA, nextBT) = (0, countA)
    for pair in pairs {
      precondition(pair.rank > 0 && pair.layer >= 0 && pair.layer < configuration.layerCount)
      let (rank, out, `in`) = shape(pair)
      slots.append(
        AdapterSlot(
          layer: pair.layer, projection: pair.projection, expert: pair.expert, rank: rank, out: out,
          in: `in`,
          offsetA: nextA, offsetBT: nextBT))
      nextA += padded(rank * `in`)
      nextBT += padded(rank * out)
    }
    self.slots = slots
    self.countA = countA
    self.count = nextBT
  }

  /// Whether experts have pairs.
  public var adaptsExperts: Bool { slots.contains { $0.expert != nil } }

  /// The projections that have a pair in some layer, in the order of a block.
  public var projections: [Projection] {
    let found = Set(slots.map(\.projection))
    return Projection.allCases.filter(found.contains)
  }

  /// The parameters that are trained: all, or those of B alone.
  public func trained(freezesA: Bool) -> Range<Int> { (freezesA ? countA : 0)..<count }

  /// The factor on B·A of a pair of this rank.
  public func scale(rank: Int) -> Float {
    rankStabilized ? alpha / Float(rank).squareRoot() : alpha / Float(rank)
  }

  /// Trainable parameters without padding.
  public var parameterCount: Int {
    slots.reduce(0) { $0 + $1.rank * ($1.out + $1.in) }
  }
}
