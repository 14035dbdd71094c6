/// What a merge has cost: what is left of the adapter in each tensor, and the losses on held-out rows.
public struct MergeReport: Codable, Equatable, Sendable {
  public struct Tensor: Codable, Equatable, Sendable {
    public let name: String
    public let from: String
    public let to: String
    /// ‖ΔW‖ / ‖W‖.
    public let change: Double
    /// `Merger.Step.keptShare`.
    public let kept: Double?
    /// `Merger.Step.functionalError`.
    public let functionalError: Double?

    enum CodingKeys: String, CodingKey {
      case name, from, to, change, kept
      case functionalError = "functional_error"
    }
  }

  /// Mean negative log-likelihood over the targets of held-out rows, in nats.
  public struct Losses: Codable, Equatable, Sendable {
    public let path: String
    public let examples: Int
    public let base: Double
    public let adapter: Double
    public let merged: Double

    public init(path: String, examples: Int, base: Double, adapter: Double, merged: Double) {
      (self.path, self.examples) = (path, examples)
      (self.base, self.adapter, self.merged) = (base, adapter, merged)
    }

    /// The part of the adapter's gain that the merged model has; nil where the adapter gains nothing.
    public var keptGain: Double? {
      base > adapter ? (base - merged) / (base - adapter) : nil
    }
  }

  public let tool: String
  public let type: String
  public let method: String
  /// Tokens that the inputs were measured over, with error feedback.
  public var inputTokens: Int?
  /// The most that was added to the diagonal of a matrix of inputs, as a share of its mean.
  public var damping: Double?
  public private(set) var tensors: [Tensor] = []
  public var bytesBefore = 0
  public var bytesAfter = 0
  public var losses: Losses?

  enum CodingKeys: String, CodingKey {
    case tool, type, method, damping, tensors, losses
    case inputTokens = "input_tokens"
    case bytesBefore = "bytes_before"
    case bytesAfter = "bytes_after"
  }

  public init(type: MergeType, method: RoundingMethod) {
    tool = "scion merge"
    self.type = type.name
    self.method = method.rawValue
  }

  /// Adds a tensor that an adapter changes; others are not listed.
  public mutating func add(_ step: Merger.Step) {
    guard step.entry.isAdapted else { return }
    tensors.append(
      Tensor(
        name: step.entry.tensor.name, from: step.entry.tensor.typeName,
        to: step.entry.format?.name ?? step.entry.tensor.typeName, change: step.relativeChange,
        kept: step.keptShare, functionalError: step.functionalError))
  }

  /// The median of a figure over the tensors that have it; nil for none.
  public func median(_ figure: (Tensor) -> Double?) -> Double? {
    let sorted = tensors.compactMap(figure).sorted()
    return sorted.isEmpty ? nil : sorted[sorted.count / 2]
  }

  /// That some weights were not rounded as asked; nil where all were.
  public var methodNotice: String? {
    guard method == RoundingMethod.feedback.rawValue else { return nil }
    let others = tensors.filter { $0.functionalError == nil }
    guard let first = others.first else { return nil }
    let rest = others.count == 1 ? "" : " and \(others.count - 1) others"
    return
      "\(first.name)\(rest): each value was rounded for itself, since feedback knows no experts, no inputs wider than "
      + "\(InputGrams.widest) and of types only those of 4 to 8 bits with even steps"
  }

  /// What the user should do where the merged model has lost much of what was learned; nil where it has not.
  public var warning: String? {
    guard let kept = losses?.keptGain, kept < 0.5 else { return nil }
    let remedy =
      method == RoundingMethod.round.rawValue && type != "q8_0"
      ? "take --method feedback with --data, or --type q8_0" : "take --type q8_0"
    return
      "the merged model keeps \(Int((100 * kept).rounded())) % of what the adapter gained: \(remedy)"
  }
}
