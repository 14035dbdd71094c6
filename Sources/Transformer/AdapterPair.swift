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
  public let rank: Int
  public let out: Int
  public let `in`: Int
  /// First parameter of A; A takes `rank · in`.
  public let offsetA: Int
  /// First parameter of Bᵀ; it takes `rank · out`.
  public let offsetBT: Int
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

  /// Pairs for those of `targets` that the model has, in every layer, the rank clamped to each matrix's smaller side.
  public init(
    _ configuration: ModelConfiguration, rank: Int, alpha: Float, rankStabilized: Bool,
    targets: [Projection] = Projection.allCases
  ) {
    self.init(
      configuration,
      pairs: (0..<configuration.layerCount).flatMap { layer in
        configuration.projections.filter(targets.contains).map {
          let (out, `in`) = configuration.shape(of: $0)
          return (layer, $0, min(rank, out, `in`))
        }
      },
      rank: rank, alpha: alpha, rankStabilized: rankStabilized)
  }

  /// Pairs given one by one, by layer and projection, with the ranks that they have.
  ///
  /// - Parameter rank: the one that was asked for; nil for the largest.
  public init(
    _ configuration: ModelConfiguration, pairs: [(layer: Int, projection: Projection, rank: Int)],
    rank: Int? = nil, alpha: Float, rankStabilized: Bool
  ) {
    self.rank = rank ?? pairs.map(\.rank).max() ?? 1
    self.alpha = alpha
    self.rankStabilized = rankStabilized
    var slots: [AdapterSlot] = []
    func padded(_ count: Int, to multiple: Int = 32) -> Int {
      (count + multiple - 1) / multiple * multiple
    }
    func shape(_ pair: (layer: Int, projection: Projection, rank: Int)) -> (
      rank: Int, out: Int, in: Int
    ) {
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
          layer: pair.layer, projection: pair.projection, rank: rank, out: out, in: `in`,
          offsetA: nextA, offsetBT: nextBT))
      nextA += padded(rank * `in`)
      nextBT += padded(rank * out)
    }
    self.slots = slots
    self.countA = countA
    self.count = nextBT
  }

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
