internal import Foundation
internal import Tensors
internal import Tokenization

/// One data file, read and checked record by record; its format is told from the first record.
///
/// Formats: JSON lines or one JSON array of `{"prompt","completion"}`,
/// `{"messages":[{role,content}]}`, `{"text"}`, `{"input_ids","labels"?}`; any other text is raw
/// text. UTF-8, with or without byte-order mark; blank lines are skipped. Does not tokenize.
public struct DataFile: Sendable {
  /// The longest record read, in bytes: a longer line is no record but a broken file.
  public static let longestRecord = 16 << 20

  public let path: String
  public let format: DataFormat
  public private(set) var records: [DataRecord]
  /// Bad records left out under `skipBad`, with their reasons.
  public let skipped: [DataError]
  /// Size in bytes.
  public let byteCount: Int
  /// As `sha256sum` prints it.
  public let sha256: String

  /// Reads the file at `path`. A bad record throws `badRecord`, or is left out and listed when
  /// `skipBad`.
  ///
  /// - Parameter isRecords: takes the file for JSON whatever its name.
  public init(
    path: String, skipBad: Bool = false, isRecords: Bool = false
  ) throws(DataError) {
    let name = path.lowercased()
    for (suffix, format) in Self.unsupportedSuffixes where name.hasSuffix(suffix) {
      throw .unsupportedFormat(path: path, format: format)
    }
    let file: MappedFile
    do {
      file = try MappedFile(path: path)
    } catch .cannotMap(_, let reason) {
      throw .cannotRead(path: path, reason: reason)
    } catch {
      throw .cannotRead(path: path, reason: "\(error)")
    }
    self.path = path
    byteCount = file.byteCount
    sha256 = file.sha256()
    let bytes = file.bytes(0..<file.byteCount)
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw .notText(path: path, line: 1, found: "the file is UTF-16")
    }
    let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let isJSON =
      isRecords || name.hasSuffix(".jsonl") || name.hasSuffix(".json") || name.hasSuffix(".ndjson")
    if isJSON {
      let reader = RecordReader(path: path, bytes: bytes, start: start, skipBad: skipBad)
      (format, records, skipped) = try reader.read()
    } else {
      format = .raw
      let text = try Self.text(bytes[start...], path: path)
      guard text.contains(where: { !$0.isWhitespace }) else {
        throw .noRecords(path: path, skipped: 0)
      }
      records = [DataRecord(content: .raw(text), line: 1)]
      skipped = []
    }
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
    do {
      let file = try MappedFile(path: path)
      return try text(file.bytes(0..<file.byteCount)[...], path: path)
    } catch let error as DataError {
      throw error
    } catch {
      throw .cannotRead(path: path, reason: "\(error)")
    }
  }

  private static let unsupportedSuffixes = [
    (".csv", "CSV"), (".tsv", "TSV"), (".parquet", "Parquet"), (".arrow", "Arrow"),
    (".gz", "compressed"), (".zst", "compressed"), (".gguf", "a GGUF model"),
  ]

  /// All of `bytes` as text; throws with the first line that is not UTF-8.
  private static func text(_ bytes: ArraySlice<UInt8>, path: String) throws(DataError) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var line = 0
    for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      line += 1
      if String(validating: part, as: UTF8.self) == nil { break }
    }
    throw .notText(path: path, line: line, found: "not UTF-8 text")
  }
}

/// Turns the bytes of a JSON data file into records.
private struct RecordReader {
  let path: String
  let bytes: [UInt8]
  let start: Int
  let skipBad: Bool

  private let decoder = JSONDecoder()

  init(path: String, bytes: [UInt8], start: Int, skipBad: Bool) {
    self.path = path
    self.bytes = bytes
    self.start = start
    self.skipBad = skipBad
  }

  func read() throws(DataError) -> (DataFormat, [DataRecord], [DataError]) {
    var format: DataFormat?
    var records: [DataRecord] = []
    var skipped: [DataError] = []
    for place in JSONRecords(bytes: bytes, start: start) {
      do throws(DataError) {
        let data = try data(place)
        if format == nil { format = try detect(data, line: place.line) }
        let content = try content(data, format: format ?? .text, line: place.line)
        records.append(DataRecord(content: content, line: place.line))
      } catch {
        guard skipBad, case .badRecord = error else { throw error }
        skipped.append(error)
      }
    }
    guard let format, !records.isEmpty else {
      throw .noRecords(path: path, skipped: skipped.count)
    }
    return (format, records, skipped)
  }

  private func bad(_ line: Int, _ reason: String) -> DataError {
    .badRecord(path: path, line: line, reason: reason)
  }

  /// The bytes of a record, checked for size and encoding.
  private func data(_ place: JSONRecords.Record) throws(DataError) -> Data {
    guard !place.range.isEmpty else { throw bad(place.line, "the array is not closed") }
    guard place.range.count <= DataFile.longestRecord else {
      throw bad(place.line, "a record of \(place.range.count) bytes (at most 16 MiB)")
    }
    guard String(validating: bytes[place.range], as: UTF8.self) != nil else {
      throw bad(place.line, "not UTF-8 text")
    }
    return Data(bytes[place.range])
  }

  private func detect(_ data: Data, line: Int) throws(DataError) -> DataFormat {
    let fields = try decode(RecordFields.self, data, line: line)
    if let format = fields.format { return format }
    if let format = fields.unsupportedFormat {
      throw .unsupportedFormat(path: path, format: format)
    }
    throw .unknownFormat(path: path, line: line, fields: fields.names.sorted())
  }

  private func decode<T: Decodable>(_: T.Type, _ data: Data, line: Int) throws(DataError) -> T {
    do {
      return try decoder.decode(T.self, from: data)
    } catch DecodingError.keyNotFound(let key, let context) {
      let place = fieldName(context.codingPath + [key])
      throw bad(line, "the field \(place) is missing (the file's first record had it)")
    } catch DecodingError.typeMismatch(let type, let context) {
      throw bad(line, "\(fieldName(context.codingPath)) is not \(jsonName(type))")
    } catch DecodingError.valueNotFound(let type, let context) {
      throw bad(line, "\(fieldName(context.codingPath)) is null, not \(jsonName(type))")
    } catch DecodingError.dataCorrupted(_)
      where (try? decoder.decode(RecordFields.self, from: data)) != nil
    {
      // JSON, but with a number that the field cannot hold.
      throw bad(line, "a number is no 32-bit whole number")
    } catch {
      throw bad(line, "not a JSON object")
    }
  }

  private func content(
    _ data: Data, format: DataFormat, line: Int
  ) throws(DataError) -> DataRecord.Content {
    switch format {
    case .completion:
      let fields = try decode(CompletionFields.self, data, line: line)
      guard fields.completion.contains(where: { !$0.isWhitespace }) else {
        throw bad(line, "the completion is empty")
      }
      return .completion(prompt: fields.prompt, completion: fields.completion)
    case .messages:
      return .conversation(try conversation(data, line: line))
    case .text, .raw:
      let fields = try decode(TextFields.self, data, line: line)
      guard !fields.text.isEmpty else { throw bad(line, "the text is empty") }
      return .text(fields.text)
    case .tokens:
      let fields = try decode(TokenFields.self, data, line: line)
      guard fields.ids.count > 1 else {
        throw bad(line, "input_ids holds \(fields.ids.count) tokens (at least 2)")
      }
      if let labels = fields.labels, labels.count != fields.ids.count {
        throw bad(line, "\(labels.count) labels for \(fields.ids.count) input_ids")
      }
      return .tokens(ids: fields.ids, labels: fields.labels)
    }
  }

  /// A record of messages; which roles there may be is the template's affair.
  private func conversation(_ data: Data, line: Int) throws(DataError) -> Conversation {
    do {
      return try Conversation(try JSONValue(parsing: data))
    } catch let error as TokenizationError {
      throw bad(line, error.description)
    } catch {
      throw bad(line, "\(error)")
    }
  }
}

/// A field's place in a record, as one writes it: `messages[2].role`.
private func fieldName(_ path: [any CodingKey]) -> String {
  var text = ""
  for key in path {
    if let index = key.intValue {
      text += "[\(index)]"
    } else {
      text += text.isEmpty ? key.stringValue : "." + key.stringValue
    }
  }
  return text.isEmpty ? "the record" : text
}

/// A Swift type in JSON's words.
private func jsonName(_ type: any Any.Type) -> String {
  switch type {
  case is String.Type: "a string"
  case is Int32.Type: "a 32-bit whole number"
  case is any Collection.Type: "an array"
  default: "an object"
  }
}
