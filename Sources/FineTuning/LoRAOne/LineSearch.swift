/// The choice of one multiplier for all matrices of a normalized start, by the loss of the initialisation batch: powers of
/// two from 1/64 (γ 64 times as large) to 16.
///
/// Along the start's direction the loss falls and then rises. So the search begins at 1, climbs by factors of 2 while the loss
/// falls, and where the first step up is no gain, or 1 itself is no better than the base, walks down until the loss rises
/// again below the base. It decides only; the caller computes the losses. Where no multiplier beats the base, the choice is
/// 0: B = 0, so that the start is never worse than the base.
public struct LineSearch: Sendable, Equatable {
  /// One multiplier with its loss: an entry of `init.json`.
  public struct Trial: Sendable, Equatable, Codable {
    public let multiplier: Float
    /// γ over the multiplier.
    public let gamma: Float
    public let loss: Double
  }

  static let exponents = -6...4

  /// Loss of the base: that of the multiplier 0.
  public let baseLoss: Double
  /// γ of the multiplier 1.
  public let gamma: Float
  /// In the order in which they were made.
  public private(set) var trials: [Trial] = []
  private var losses: [Int: Double] = [:]

  public init(baseLoss: Double, gamma: Float) {
    self.baseLoss = baseLoss
    self.gamma = gamma
  }

  /// The multiplier to try next; nil when the choice is made.
  public var next: Float? { nextExponent.map(Self.multiplier) }

  /// The multiplier of least loss so far, 0 while none is below the base.
  public var chosen: Float {
    guard let best, let loss = losses[best], loss < baseLoss else { return 0 }
    return Self.multiplier(best)
  }

  /// The loss of `chosen`.
  public var chosenLoss: Double { min(baseLoss, best.flatMap { losses[$0] } ?? baseLoss) }

  /// Takes the loss of the multiplier `next`; one that is not a number counts as infinite.
  public mutating func record(loss: Double) {
    guard let exponent = nextExponent else { preconditionFailure("the search is over") }
    losses[exponent] = loss.isNaN ? .infinity : loss
    let multiplier = Self.multiplier(exponent)
    trials.append(Trial(multiplier: multiplier, gamma: gamma / multiplier, loss: loss))
  }

  private static func multiplier(_ exponent: Int) -> Float {
    Float(sign: .plus, exponent: exponent, significand: 1)
  }

  /// Of equal losses the smaller step.
  private var best: Int? {
    losses.min { $0.value == $1.value ? $0.key < $1.key : $0.value < $1.value }?.key
  }

  private var nextExponent: Int? {
    guard let best, let highest = losses.keys.max(), let lowest = losses.keys.min() else {
      return 0
    }
    let isGain = chosen > 0
    // Upwards as long as the last step was the best; after a walk down there is nothing to win there.
    if isGain, best == highest, lowest == 0, highest < Self.exponents.upperBound {
      return highest + 1
    }
    if !isGain || best == lowest, lowest > Self.exponents.lowerBound, best <= 0 || !isGain {
      return lowest - 1
    }
    return nil
  }
}
