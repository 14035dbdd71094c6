/// What `init.json` holds (keys in snake case): how the adapters started and whether that start is any good.
public struct StartReport: Sendable, Equatable, Codable {
  /// What one layer's matrices have in common.
  public struct Layer: Sendable, Equatable, Codable {
    public let layer: Int
    /// Mean over the layer's matrices of the share of ‖G‖²_F (EVA: ‖X‖²_F) that the start's rank holds.
    public let capturedShare: Double
    /// √Σ‖G‖²_F over the layer's matrices: where the gradient is (EVA: where the inputs are large).
    public let frobeniusNorm: Double

    enum CodingKeys: String, CodingKey {
      case layer
      case capturedShare = "captured_share"
      case frobeniusNorm = "frobenius_norm"
    }
  }

  public let initialization: AdapterInitialization
  public let scale: InitializationScale
  /// Which mean the losses are.
  public let loss: InitializationLoss
  /// γ as it was given.
  public let gamma: Float
  /// γ as the line search chose it; nil without one, and where no size beat the base (then B = 0).
  public let chosenGamma: Float?
  public let rank: Int
  public let alpha: Float
  /// Whether adapters are scaled by α/√r rather than α/r.
  public let isRankStabilized: Bool
  /// Seed of the run; nil where the start was made without one.
  public let seed: UInt64?
  /// Size of the initialisation data; 0 where the start looks at none.
  public let sequences: Int
  public let tokens: Int
  /// Tokens with a loss.
  public let targets: Int
  /// Mean loss of the initialisation data, of the base and with the adapters as they start.
  public let lossBefore: Double?
  public let lossAfter: Double?
  /// Sizes tried by the line search with their losses, in that order.
  public let lineSearch: [LineSearch.Trial]?
  /// Wall time of the start.
  public let seconds: Double
  /// By layer, of those that have adapters; empty where nothing was measured.
  public let layers: [Layer]
  /// By layer, then projection.
  public let matrices: [AdapterStartReport]

  enum CodingKeys: String, CodingKey {
    case initialization = "init"
    case scale = "init_scale"
    case loss = "init_loss"
    case gamma
    case chosenGamma = "chosen_gamma"
    case rank, alpha
    case isRankStabilized = "rslora"
    case seed, sequences, tokens, targets
    case lossBefore = "loss_before"
    case lossAfter = "loss_after"
    case lineSearch = "line_search"
    case seconds, layers, matrices
  }

  /// Mean over matrices of the share of ‖G‖²_F that the start's rank holds.
  public var meanCapturedShare: Double { StartReport.mean(matrices.map(\.capturedShare)) }

  static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  /// One sentence when matrices have a smaller rank than was asked for, since a side of theirs is narrower.
  public var clampNotice: String? {
    let clamped = matrices.filter { $0.rank < rank }
    guard let least = clamped.map(\.rank).min(), let most = clamped.map(\.rank).max() else {
      return nil
    }
    let ranks = least == most ? "\(least)" : "\(least) to \(most)"
    return
      "\(clamped.count) of \(matrices.count) matrices are too narrow for rank \(rank) and get rank \(ranks)"
  }

  /// One sentence when a step along the gradient went too far: the start is worse than the base on its own sequences.
  public var overshootNotice: String? {
    guard initialization == .loraOne, scale != .linesearch, let lossBefore, let lossAfter,
      lossAfter > lossBefore
    else { return nil }
    return
      "the start raises the loss of its own sequences: --init-scale linesearch finds a size that does not"
  }

  /// What did not start as it should: its size, the clamped ranks in one, then a matrix each.
  public var notices: [String] {
    [overshootNotice, clampNotice].compactMap(\.self) + matrices.compactMap(\.notice)
  }
}

extension StartReport.Layer {
  /// The reports of one layer's matrices.
  init(_ layer: Int, _ matrices: [AdapterStartReport]) {
    self.init(
      layer: layer, capturedShare: StartReport.mean(matrices.map(\.capturedShare)),
      frobeniusNorm: matrices.reduce(0) { $0 + $1.frobeniusNorm * $1.frobeniusNorm }.squareRoot())
  }
}
