public import Tokenization

/// What can be wrong with training or evaluation data: always found before any training.
public enum DataError: Error, Equatable, CustomStringConvertible {
  /// The file or folder could not be opened; `reason` is the system's word.
  case cannotRead(path: String, reason: String)
  /// No room for the data or their tokens; a whole sentence.
  case cannotKeep(String)
  /// More sequences than their 32-bit numbers reach.
  case tooManySequences(count: Int)
  /// A weight that is none.
  case badWeight(text: String)
  /// A folder without a training file.
  case noTrainingFile(folder: String)
  /// A format people have that is not read; `supported` names the ones that are.
  case unsupportedFormat(path: String, format: String)
  /// The first record has none of the known sets of fields.
  case unknownFormat(path: String, line: Int, fields: [String])
  /// A record that cannot be used. The column is that of the fault, where it has one; both count
  /// from 1, columns in characters.
  case badRecord(path: String, line: Int, column: Int? = nil, reason: String)
  /// A record that the chat template refuses, where no other record is wanted instead.
  case refusedRecord(path: String, line: Int, reason: String)
  /// A file that is not UTF-8 text, from `line` on; `found` says what it is.
  case notText(path: String, line: Int, found: String)
  /// A file in another encoding of Unicode, as iconv calls it; `found` says how it was told.
  case otherEncoding(path: String, encoding: String, found: String)
  /// A JSON object with several lists of records, by key.
  case severalLists(path: String, keys: [String])
  /// Nothing but blank lines, or every record was skipped; `first` says why the first was.
  case noRecords(path: String, skipped: Int, first: String? = nil)
  /// A text of fewer tokens than what is to be measured on it needs.
  case textTooShort(path: String, tokens: Int, needed: Int)
  /// No sequence with a target is left.
  case noTargets(path: String, sequenceLength: Int)
  /// The first record that needs the model's tokenizer or chat template, of a model where Scion
  /// cannot read it.
  case cannotTokenize(TokenizationError)

  public var description: String {
    switch self {
    case .cannotRead(let path, let reason):
      "cannot read data \(path): \(reason); give a file with records"
    case .cannotKeep(let sentence): sentence
    case .tooManySequences(let count):
      "\(count) sequences are more than a data set holds (\(Int32.max)): lower the weights, or train on a part of the files"
    case .badWeight(let text):
      "\(text): a weight is a share like 0.3 or a number of times like 2, above 0 and up to 1000"
    case .noTrainingFile(let folder):
      "\(folder) has no train.jsonl (train.json, .csv, .tsv, .txt or train-N.jsonl also do): add "
        + "one, or name the files themselves"
    case .unsupportedFormat(let path, let format):
      "\(path) is \(format), which is not read: convert it to JSON lines with \(Self.supported)"
    case .unknownFormat(let path, let line, let fields):
      "\(path):\(line): a record with the fields "
        + "\(fields.isEmpty ? "(none)" : fields.joined(separator: ", ")) is in no known format: "
        + (RecordFormat.renaming(fields) ?? "use \(Self.supported)")
    case .badRecord:
      "\(fault): correct it, or pass --skip-bad to leave such records out"
    case .refusedRecord(let path, let line, let reason):
      "\(path):\(line): \(reason)"
    case .notText(let path, let line, let found):
      "\(path):\(line): \(found): if it is Latin-1, convert it with iconv -f WINDOWS-1252 -t UTF-8 "
        + "\(path) > new"
    case .otherEncoding(let path, let encoding, let found):
      "\(path):1:1: the file is \(found): convert it with iconv -f \(encoding) -t UTF-8 \(path) > new"
    case .severalLists(let path, let keys):
      "\(path) holds several lists of records (\(keys.joined(separator: ", "))): write each to a "
        + "file of its own, such as train.jsonl and valid.jsonl"
    case .noRecords(let path, let skipped, let first):
      skipped == 0
        ? "\(path) holds no records: add some, or delete the file"
        : "\(path): \(skipped == 1 ? "its only record is bad" : "every record is bad (\(skipped))")"
          + (first.map { "; the first: \($0)" } ?? "") + ": correct \(skipped == 1 ? "it" : "them")"
    case .textTooShort(let path, let tokens, let needed):
      "\(path) has \(tokens) tokens, and \(needed) are needed to see what is forgotten: give a longer text"
    case .noTargets(let path, let sequenceLength):
      "\(path): no record has a target within \(sequenceLength) tokens: raise --seq-len or check the completions"
    case .cannotTokenize(let reason):
      reason.description
    }
  }

  /// What is wrong and where, without the remedy: where the fault is known to be passed over.
  public var fault: String {
    guard case .badRecord(let path, let line, let column, let reason) = self else {
      return description
    }
    return "\(path):\(line):\(column.map { "\($0):" } ?? "") \(reason)"
  }

  /// The fields of the formats read, for messages.
  static let supported =
    #""prompt" and "completion", "messages" (role, content), "conversations" (from, value), "#
    + #""instruction" and "output", "text", or "input_ids" (and "labels")"#
}
