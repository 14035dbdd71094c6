public import Tensors

/// What a user should know about one matrix's start: an entry of `init.json` (keys in snake case).
///
/// The singular values, norm and share are those of the measurement (the mean gradient G of the
/// initialisation data, or the layer's inputs X for EVA); they are empty or zero when nothing was measured.
public struct AdapterStartReport: Sendable, Equatable, Codable {
  public var name: String
  public var rows: Int
  public var columns: Int
  public var rank: Int
  public var initialization: AdapterInitialization
  /// σ₁…σ_r, from the largest.
  public var singularValues: [Float]
  /// ‖G‖_F, exact or estimated.
  public var frobeniusNorm: Double
  /// Whether `frobeniusNorm` (and so `capturedShare`) is exact.
  public var isNormExact: Bool
  /// Share of ‖G‖²_F in the first r triplets, 0…1.
  public var capturedShare: Double
  /// Standard error of `capturedShare`: 0 where the norm is exact, else from the spread of the probes that estimate it.
  public var capturedShareError: Double
  /// ‖s·B₀A₀‖₂.
  public var startNorm: Double
  /// Why the start is not what was asked for; absent when it is.
  public var notice: String?

  enum CodingKeys: String, CodingKey {
    case name, rows, columns, rank
    case initialization = "init"
    case singularValues = "singular_values"
    case frobeniusNorm = "frobenius_norm"
    case isNormExact = "norm_exact"
    case capturedShare = "captured_share"
    case capturedShareError = "captured_share_error"
    case startNorm = "start_norm"
    case notice
  }

  /// The report of `start`; `found` is nil when nothing (finite) was measured. `inputNorm` is ‖X‖²_F for EVA.
  public init(
    _ matrix: AdaptedMatrix, _ initialization: AdapterInitialization, _ start: AdapterStart,
    _ found: RandomizedSVD.Result? = nil, inputNorm: Double? = nil
  ) {
    name = matrix.name
    rows = matrix.rows
    columns = matrix.columns
    rank = matrix.rank
    self.initialization = initialization
    let values = found?.triplets.values ?? []
    if initialization == .eva {
      // The singular values of XᵀX are the squares of X's, and all of them add up to ‖X‖²_F.
      singularValues = values.map { max($0, 0).squareRoot() }
      let norm = inputNorm ?? 0
      frobeniusNorm = norm.squareRoot()
      isNormExact = true
      capturedShare = norm > 0 ? min(1, values.reduce(0) { $0 + Double($1) } / norm) : 0
      capturedShareError = 0
    } else {
      singularValues = values
      frobeniusNorm = (found?.squaredNorm ?? 0).squareRoot()
      isNormExact = found?.isNormExact ?? true
      capturedShare = found?.capturedShare ?? 0
      capturedShareError = found?.capturedShareError ?? 0
    }
    startNorm = start.norm
    notice = start.notice
  }
}
