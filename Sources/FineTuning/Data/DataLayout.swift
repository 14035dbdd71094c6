internal import Tensors
internal import Tokenization

/// How the records of a file lie in it. The contents decide, and the name only where they leave it
/// open; where the two differ, a notice says so.
struct DataLayout {
  enum Kind: Equatable {
    case json(JSONRecords.Layout)
    /// CSV or TSV with this separator.
    case separated(UInt8)
    /// One plain text.
    case raw
  }

  private(set) var kind: Kind
  /// What the user should know, as sentences without the file's name.
  private(set) var notices: [String] = []

  /// What a name promises.
  private enum Promise {
    case json, separated, nothing

    init(_ path: String) {
      var name = path.lowercased()
      for packed in [".gz", ".zst"] where name.hasSuffix(packed) {
        name = String(name.dropLast(packed.count))
      }
      if [".jsonl", ".json", ".ndjson"].contains(where: name.hasSuffix) {
        self = .json
      } else if [".csv", ".tsv"].contains(where: name.hasSuffix) {
        self = .separated
      } else {
        self = .nothing
      }
    }
  }

  /// - Parameter isRecords: takes the file for JSON whatever it looks like.
  ///
  /// Throws `noRecords` or `severalLists`.
  init(_ text: DataText, isRecords: Bool) throws(DataError) {
    let promise = isRecords ? .json : Promise(text.path)
    var bytes = ByteWindow(text.file)
    let first = bytes.skippingSpace(from: text.start)
    guard first < bytes.count else { throw .noRecords(path: text.path, skipped: 0) }
    kind = .raw
    switch bytes[first] {
    case UInt8(ascii: "{"):
      try readObject(text, first, promise)
    case UInt8(ascii: "["):
      let array = JSONRecords.Layout.array(open: first, isWrapped: false)
      if promise == .json || Self.holdsRecords(text, array) {
        kind = .json(array)
        if promise != .json { notices.append("holds a JSON array of records: read as such") }
      }
    default:
      try readOther(text, promise, isRecords: isRecords)
    }
    if kind == .raw, promise == .separated {
      kind = .separated(
        text.path.lowercased().contains(".tsv") ? UInt8(ascii: "\t") : UInt8(ascii: ","))
    }
  }

  /// A file that begins with an object.
  private mutating func readObject(
    _ text: DataText, _ first: Int, _ promise: Promise
  ) throws(DataError) {
    var bytes = ByteWindow(text.file)
    var lines = JSONRecords(text.file, start: text.start, layout: .lines)
    var objects = JSONRecords(text.file, start: text.start, layout: .objects)
    let line = lines.next().flatMap { Self.value($0, text) }
    let object = line == nil ? objects.next() : nil
    let lineEnd = bytes.firstIndex(of: UInt8(ascii: "\n"), from: first)
    // Several objects on one line are a mistake to name.
    let spanning = object.flatMap { lineEnd < $0.range.upperBound ? $0 : nil }
    let value = line ?? spanning.flatMap { Self.value($0, text) }
    let isKnown = value.map { RecordFormat(known: $0) != nil } ?? false
    if isKnown {
      kind = .json(line == nil ? .objects : .lines)
      if line == nil { notices.append("holds records of several lines each: read as such") }
    } else if let wrapped = try JSONWrapper.list(text) {
      kind = .json(.array(open: wrapped.open, isWrapped: true))
      notices.append("is an object whose \"\(wrapped.key)\" holds the records: read from there")
    } else if promise == .json {
      // Which is wrong where, reading says. An object over many lines is not one a line.
      kind = .json(Self.spansLines(text, first) ? .objects : .lines)
    } else if Self.hasKnownLine(text) {
      kind = .json(.lines)
    } else {
      notices.append(
        "looks like JSON, but no record of a known format is in it: learned as text, braces too")
    }
    if promise != .json, kind == .json(.lines) {
      notices.append("holds JSON records, whatever its name says: read as such")
    }
  }

  /// A file that begins with neither an object nor an array.
  private mutating func readOther(
    _ text: DataText, _ promise: Promise, isRecords: Bool
  ) throws(DataError) {
    if promise == .json {
      var lines = JSONRecords(text.file, start: text.start, layout: .lines)
      let first = lines.next().flatMap { Self.value($0, text) }
      if first != nil || Self.hasObjectLine(text) {
        kind = .json(.lines)
        return
      }
    }
    if let separator = SeparatedRecords.separator(text.file, start: text.start) {
      kind = .separated(separator)
      if promise != .separated {
        notices.append("has the columns of a table of records: read as one, not as text")
      }
    } else if isRecords {
      kind = .json(.lines)
    } else if promise == .json {
      notices.append("is no JSON, whatever its name says: learned as plain text")
    }
  }

  // MARK: - Looking

  private static func value(_ record: JSONRecords.Record, _ text: DataText) -> JSONValue? {
    guard record.range.count <= DataFile.longestRecord else { return nil }
    return try? JSONValue(parsing: text.file.bytes(record.range))
  }

  /// Whether the first element is a record of a known format.
  private static func holdsRecords(_ text: DataText, _ layout: JSONRecords.Layout) -> Bool {
    var records = JSONRecords(text.file, start: text.start, layout: layout)
    guard let value = records.next().flatMap({ value($0, text) }) else { return false }
    return RecordFormat(known: value) != nil
  }

  /// Whether one of the first lines is a record of a known format.
  private static func hasKnownLine(_ text: DataText) -> Bool {
    someLine(text) { line in value(line, text).map { RecordFormat(known: $0) != nil } ?? false }
  }

  /// Whether one of the first lines begins with an object.
  private static func hasObjectLine(_ text: DataText) -> Bool {
    someLine(text) { line in
      text.file.bytes(line.range).first { !$0.isJSONSpace } == UInt8(ascii: "{")
    }
  }

  private static func someLine(
    _ text: DataText, _ holds: (JSONRecords.Record) -> Bool
  ) -> Bool {
    var lines = JSONRecords(text.file, start: text.start, layout: .lines)
    for _ in 0..<20 {
      guard let line = lines.next(), line.range.count <= DataFile.longestRecord else {
        return false
      }
      if holds(line) { return true }
    }
    return false
  }

  /// Whether the object that begins at `first` goes on on the next line: nothing but white space,
  /// or a comma, ends this one.
  private static func spansLines(_ text: DataText, _ first: Int) -> Bool {
    var bytes = ByteWindow(text.file)
    let end = bytes.firstIndex(of: UInt8(ascii: "\n"), from: first)
    guard end < bytes.count, end - first < DataFile.longestRecord else { return false }
    let line = text.file.bytes(first..<end)
    let last = line.last { !$0.isJSONSpace }
    let next = bytes.skippingSpace(from: end)
    return next < bytes.count && bytes[next] != UInt8(ascii: "{")
      && (last == UInt8(ascii: "{") || last == UInt8(ascii: ",") || last == UInt8(ascii: "["))
  }
}
