internal import Tensors
internal import Tokenization

/// One data file, read and checked record by record, with all of its records in memory.
///
/// Records: JSON lines, JSON objects over several lines, one JSON array (also inside an object that
/// wraps it), CSV or TSV, of the formats in `DataFormat`; any other text is raw text. UTF-8, with or
/// without byte-order mark, also packed with gzip or zstd; blank lines are skipped. What the file
/// holds decides, its name only where that leaves it open. Does not tokenize.
public struct DataFile: Sendable {
  /// The longest record read, in bytes: a longer line is no record but a broken file.
  public static let longestRecord = 16 << 20

  public let path: String
  public let format: DataFormat
  public private(set) var records: [DataRecord]
  /// What the user should know of the file, a sentence each.
  public let notices: [String]
  /// Bad records left out under `skipBad`, with their reasons.
  public let skipped: SkippedRecords
  /// Size in bytes.
  public let byteCount: Int
  /// As `sha256sum` prints it.
  public let sha256: String

  /// Reads the file at `path` (`-`: the standard input). A bad record throws `badRecord`, or is left
  /// out and counted when `skipBad`.
  ///
  /// - Parameters:
  ///   - isRecords: takes the file for JSON whatever its name.
  ///   - limit: reads no more than so many records.
  public init(
    path: String, skipBad: Bool = false, isRecords: Bool = false, limit: Int? = nil
  ) throws(DataError) {
    var reader = try DataReader(path: path, skipBad: skipBad, isRecords: isRecords)
    var records: [DataRecord] = []
    while records.count < limit ?? .max, let record = try reader.next() { records.append(record) }
    self.path = reader.text.path
    self.records = records
    format = reader.format ?? .raw
    notices = reader.notices
    skipped = reader.skipped
    byteCount = reader.text.byteCount
    sha256 = reader.text.sha256
  }

  /// The same file with only its first `count` records.
  public func prefix(_ count: Int) -> DataFile {
    var file = self
    file.records = Array(records.prefix(count))
    return file
  }

  /// The whole file as text, whatever its name. Throws `DataError` when it cannot be read or is not
  /// UTF-8.
  public static func text(path: String) throws(DataError) -> String {
    try DataText(path: path).whole()
  }
}
