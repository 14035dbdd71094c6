/// What `init.json` holds: how the adapters started and whether that start is any good.
public struct StartReport: Sendable, Equatable, Codable {
  public let initialization: AdapterInitialization
  public let scale: InitializationScale
  public let gamma: Float
  public let rank: Int
  public let alpha: Float
  /// Size of the initialisation data; 0 where the start measures nothing.
  public let sequences: Int
  public let tokens: Int
  /// Tokens with a loss.
  public let targets: Int
  /// Mean loss of the initialisation data, of the base and with the adapters as they start.
  public let lossBefore: Double?
  public let lossAfter: Double?
  /// Wall time of the start.
  public let seconds: Double
  /// By layer, then projection.
  public let matrices: [AdapterStartReport]

  /// Mean over matrices of the share of ‖G‖²_F that the start's rank holds.
  public var meanCapturedShare: Double {
    guard !matrices.isEmpty else { return 0 }
    return matrices.reduce(0) { $0 + $1.capturedShare } / Double(matrices.count)
  }

  /// Notices of matrices that did not start as asked.
  public var notices: [String] { matrices.compactMap(\.notice) }
}
