public import Tokenization

/// What the doctor found in a data set: figures, and what to do about each fault.
public struct DataDiagnosis: Sendable {
  /// What a file is for.
  public enum Purpose: String, Sendable, Codable {
    case train, validation, test
  }

  public struct File: Sendable {
    public let path: String
    public let purpose: Purpose
    /// Nil where nothing could be read.
    public internal(set) var format: DataFormat?
    /// Good records.
    public internal(set) var records = 0
    /// Bad records, with their reasons.
    public internal(set) var bad = SkippedRecords()
  }

  /// A fault, or what is worth knowing.
  public struct Finding: Sendable, Equatable {
    /// Whether a run would fail.
    public let isFatal: Bool
    public let text: String
    /// What to do, the rest of the sentence; empty where nothing needs to be done.
    public let remedy: String

    init(isFatal: Bool = false, _ text: String, _ remedy: String = "") {
      self.isFatal = isFatal
      self.text = text
      self.remedy = remedy
    }
  }

  /// A record as the model sees it.
  public struct Example: Sendable {
    public let path: String
    public let line: Int
    public let conversation: EncodedConversation
  }

  public internal(set) var files: [File] = []
  public internal(set) var findings: [Finding] = []
  /// Tokens of the training records, uncut; empty without a model.
  public internal(set) var lengths = LengthHistogram()
  /// Tokens of training that are learned, within the sequence length.
  public internal(set) var targetCount = 0
  /// Training records longer than the sequence length.
  public internal(set) var cutCount = 0
  /// The sequence length they were held against.
  public internal(set) var sequenceLength = 0
  public internal(set) var examples: [Example] = []

  /// Whether a run on these data would fail.
  public var wouldFail: Bool { findings.contains(where: \.isFatal) }
}
