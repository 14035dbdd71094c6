public import Tokenization

/// What can be wrong with training or evaluation data: always found before any training.
public enum DataError: Error, Equatable, CustomStringConvertible {
  /// The file or folder could not be opened; `reason` is the system's word.
  case cannotRead(path: String, reason: String)
  /// A folder without a training file.
  case noTrainingFile(folder: String)
  /// A format people have that this version does not read; `supported` names the ones it does.
  case unsupportedFormat(path: String, format: String)
  /// The first record has none of the known sets of fields.
  case unknownFormat(path: String, line: Int, fields: [String])
  /// A record that cannot be used.
  case badRecord(path: String, line: Int, reason: String)
  /// A record that the chat template refuses, where no other record is wanted instead.
  case refusedRecord(path: String, line: Int, reason: String)
  /// A file that is not UTF-8 text, from `line` on; `found` says what it is.
  case notText(path: String, line: Int, found: String)
  /// Files of one data set hold different formats.
  case mixedFiles(path: String, format: String, expectedPath: String, expected: String)
  /// Nothing but blank lines, or every record was skipped.
  case noRecords(path: String, skipped: Int)
  /// No sequence with a target is left.
  case noTargets(path: String, sequenceLength: Int)
  /// The first record that needs the model's tokenizer or chat template, of a model where Scion
  /// cannot read it.
  case cannotTokenize(TokenizationError)

  public var description: String {
    switch self {
    case .cannotRead(let path, let reason):
      "cannot read data \(path): \(reason); give a file with records"
    case .noTrainingFile(let folder):
      "\(folder) has no train.jsonl (train.json, train.txt or train-N.jsonl also do): add one, or name a file"
    case .unsupportedFormat(let path, let format):
      "\(path) is \(format), which this version does not read yet: convert it to JSON lines with \(Self.supported)"
    case .unknownFormat(let path, let line, let fields):
      "\(path):\(line): a record with the fields \(fields.isEmpty ? "(none)" : fields.joined(separator: ", "))"
        + " is in no known format: use \(Self.supported)"
    case .badRecord(let path, let line, let reason):
      "\(path):\(line): \(reason): correct it, or pass --skip-bad to leave such records out"
    case .refusedRecord(let path, let line, let reason):
      "\(path):\(line): \(reason)"
    case .notText(let path, let line, let found):
      "\(path):\(line): \(found): convert the file to UTF-8"
    case .mixedFiles(let path, let format, let expectedPath, let expected):
      "\(path) holds \(format) records but \(expectedPath) holds \(expected): use one format"
    case .noRecords(let path, let skipped):
      skipped == 0
        ? "\(path) holds no records: add some"
        : "\(path): all \(skipped) records are bad: correct them"
    case .noTargets(let path, let sequenceLength):
      "\(path): no record has a target within \(sequenceLength) tokens: raise --seq-len or check the completions"
    case .cannotTokenize(let reason):
      reason.description
    }
  }

  /// The fields of the formats read, for messages.
  static let supported =
    #""prompt" and "completion", "messages" (role, content), "text", or "input_ids" (and "labels")"#
}
