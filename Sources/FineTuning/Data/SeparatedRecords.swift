internal import Tensors
internal import Tokenization

/// The rows of a CSV or TSV file (RFC 4180) as objects of texts, by the names in the first row.
///
/// A field in double quotes may hold separators, line breaks and doubled quotes; rows end in LF or
/// CRLF; blank rows are skipped. Tabs, commas and semicolons separate: which, the header says.
struct SeparatedRecords {
  struct Row {
    /// Line where the row begins, from 1.
    let line: Int
    /// The object, or why there is none.
    let value: Result<JSONValue, RecordFields.Fault>
    /// Bytes of the row in the file.
    let byteCount: Int
  }

  /// Names of the columns.
  private(set) var names: [String]
  private let separator: UInt8
  private var bytes: ByteWindow
  private var position: Int
  private var line = 1

  /// The most bytes of a row: a longer one is an open quote.
  private static let longestRow = DataFile.longestRecord

  /// Reads the header.
  init(_ file: MappedFile, start: Int, separator: UInt8) {
    self.separator = separator
    bytes = ByteWindow(file)
    position = start
    names = []
    names = (try? row().get())?.map { $0.trimmed } ?? []
  }

  /// The separator of the file's first line with which its columns are those of a known format; nil
  /// when there is none.
  static func separator(_ file: MappedFile, start: Int) -> UInt8? {
    [UInt8(ascii: ","), UInt8(ascii: "\t"), UInt8(ascii: ";")].first { candidate in
      let names = SeparatedRecords(file, start: start, separator: candidate).names
      guard names.count > 1, Set(names).count == names.count else { return false }
      let members = names.map { JSONValue.Member(key: $0, value: "") }
      if case .unknown = RecordFormat(members) { return false }
      return true
    }
  }

  mutating func next() -> Row? {
    while position < bytes.count {
      let (own, start) = (line, position)
      let fields = row()
      if case .success(let texts) = fields, texts.count == 1, texts[0].trimmed.isEmpty { continue }
      return Row(line: own, value: fields.flatMap(object), byteCount: position - start)
    }
    return nil
  }

  private func object(_ fields: [String]) -> Result<JSONValue, RecordFields.Fault> {
    guard fields.count == names.count else {
      return .failure(
        .init(
          reason: "\(fields.count) fields where the header has \(names.count) (is a quote missing?)"
        ))
    }
    return .success(
      .object(zip(names, fields).map { JSONValue.Member(key: $0, value: .string($1)) }))
  }

  /// One row's fields; moves past its end.
  private mutating func row() -> Result<[String], RecordFields.Fault> {
    var fields: [String] = []
    var field: [UInt8] = []
    var (inQuotes, wasQuoted, isText) = (false, false, true)
    let start = position
    func close() {
      if String(validating: field, as: UTF8.self) == nil { isText = false }
      fields.append(String(decoding: field, as: UTF8.self))
      field = []
      wasQuoted = false
    }
    rows: while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\n") { line += 1 }
      if inQuotes {
        if byte != UInt8(ascii: "\"") {
          field.append(byte)
          if position - start > Self.longestRow { break }
        } else if position < bytes.count,
          bytes[position] == UInt8(ascii: "\"")
        {
          field.append(byte)
          position += 1
        } else {
          inQuotes = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\"") where field.isEmpty && !wasQuoted:
        (inQuotes, wasQuoted) = (true, true)
      case separator: close()
      case UInt8(ascii: "\n"): break rows
      case UInt8(ascii: "\r"):
        let next = position < bytes.count ? bytes[position] : 0x0A
        if next != 0x0A { field.append(byte) }
      default: field.append(byte)
      }
    }
    close()
    if inQuotes { return .failure(.init(reason: "a quoted field that is not closed")) }
    guard isText else {
      return .failure(
        .init(
          reason: "not UTF-8 text (if it is Latin-1, convert the file with iconv -f WINDOWS-1252)"))
    }
    return .success(fields)
  }
}
