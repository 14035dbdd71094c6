/// What `run.json` holds (keys in snake case): what a run is made of, for reports and comparisons.
public struct RunSummary: Sendable, Equatable, Codable {
  public struct Part: Sendable, Equatable, Codable {
    public var sequences: Int
    public var tokens: Int
    public var targets: Int
    /// Sequences of up to 2, 4, 8, … tokens, each bucket by its upper end.
    public var lengths: [Int: Int]

    init(_ data: Dataset) {
      sequences = data.sequences.count
      tokens = data.tokenCount
      targets = data.targetCount
      var histogram = LengthHistogram()
      for length in data.lengths { histogram.add(Int(length)) }
      lengths = histogram.buckets
    }
  }

  public var version: String
  public var base: String
  public var baseBytes: Int
  public var train: Part
  public var validation: Part?
  /// Records read, and what became of them.
  public var records: Int
  public var truncated: Int
  public var dropped: Int
  public var skipped: Int
  public var adapterParameters: Int
  public var adapterMatrices: Int
  public var plannedBytes: Int
  public var budgetBytes: Int?
  public var instructionSet: String
  public var threads: Int

  enum CodingKeys: String, CodingKey {
    case version, base, train, validation, records, truncated, dropped, skipped, threads
    case baseBytes = "base_bytes"
    case adapterParameters = "adapter_parameters"
    case adapterMatrices = "adapter_matrices"
    case plannedBytes = "planned_bytes"
    case budgetBytes = "budget_bytes"
    case instructionSet = "instruction_set"
  }
}
