internal import Tokenization

/// Reads one data file record by record: only the record at hand is in memory.
///
/// The format is told from the first record that can be read, and every other is held to it.
struct DataReader {
  private enum Source {
    case json(JSONRecords)
    case separated(SeparatedRecords)
    case raw(isRead: Bool)
  }

  let text: DataText
  /// What the user should know of the file, a sentence each.
  let notices: [String]
  /// Nil until a record has been read.
  private(set) var format: DataFormat?
  /// Bad records left out under `skipBad`, with their reasons.
  private(set) var skipped: [DataError] = []

  private let skipBad: Bool
  private var source: Source
  private var recordCount = 0

  /// Opens `path` (`-`: the standard input) and looks at how its records lie. Throws `DataError`.
  ///
  /// - Parameter isRecords: takes the file for JSON whatever it looks like.
  init(path: String, skipBad: Bool = false, isRecords: Bool = false) throws(DataError) {
    text = try DataText(path: path)
    let layout = try DataLayout(text, isRecords: isRecords)
    let name = text.path
    notices = layout.notices.map { "\(name) \($0)" }
    self.skipBad = skipBad
    switch layout.kind {
    case .json(let layout):
      source = .json(JSONRecords(text.file, start: text.start, layout: layout))
    case .separated(let separator):
      source = .separated(SeparatedRecords(text.file, start: text.start, separator: separator))
    case .raw:
      source = .raw(isRead: false)
      format = .raw
    }
  }

  /// The next record; nil behind the last. A bad record throws, or is listed in `skipped`. Throws
  /// `noRecords` when the file ends without one.
  mutating func next() throws(DataError) -> DataRecord? {
    while true {
      do throws(DataError) {
        let record = try read()
        if record == nil, recordCount == 0 {
          throw .noRecords(
            path: text.path, skipped: skipped.count, first: skipped.first?.description)
        }
        recordCount += 1
        return record
      } catch {
        guard skipBad, case .badRecord = error else { throw error }
        skipped.append(error)
      }
    }
  }

  private mutating func read() throws(DataError) -> DataRecord? {
    switch source {
    case .raw(let isRead):
      guard !isRead else { return nil }
      source = .raw(isRead: true)
      return DataRecord(content: .raw(try text.whole()), line: 1)
    case .json(var records):
      // Taken out while it moves on, so that its window is not copied.
      source = .raw(isRead: true)
      let place = records.next()
      source = .json(records)
      guard let place else { return nil }
      return try record(try value(place), line: place.line)
    case .separated(var rows):
      source = .raw(isRead: true)
      let row = rows.next()
      source = .separated(rows)
      guard let row else { return nil }
      switch row.value {
      case .failure(let fault):
        throw .badRecord(path: text.path, line: row.line, reason: fault.reason)
      case .success(let value):
        return try record(value, line: row.line)
      }
    }
  }

  private func value(_ place: JSONRecords.Record) throws(DataError) -> JSONValue {
    func bad(_ reason: String) -> DataError {
      .badRecord(path: text.path, line: place.line, column: place.column, reason: reason)
    }
    guard !place.range.isEmpty else {
      throw bad("the array is not closed (was the file cut off?)")
    }
    guard place.range.count <= DataFile.longestRecord else {
      throw bad("a record of \(place.range.count) bytes (at most 16 MiB)")
    }
    let bytes = text.file.bytes(place.range)
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      let fault = JSONFault(error, in: bytes, at: place, path: text.path)
      throw .badRecord(
        path: text.path, line: fault.line, column: fault.column, reason: fault.reason)
    }
  }

  private mutating func record(_ value: JSONValue, line: Int) throws(DataError) -> DataRecord {
    do {
      let fields = try RecordFields(value)
      let format = try format ?? detect(fields, line: line)
      let record = DataRecord(content: try fields.content(format), line: line)
      self.format = format
      return record
    } catch let fault as RecordFields.Fault {
      throw .badRecord(path: text.path, line: line, reason: fault.reason)
    } catch let error as DataError {
      throw error
    } catch {
      throw .badRecord(path: text.path, line: line, reason: "\(error)")
    }
  }

  private func detect(_ fields: RecordFields, line: Int) throws(DataError) -> DataFormat {
    switch RecordFormat(fields.members) {
    case .known(let format): return format
    case .unsupported(let name): throw .unsupportedFormat(path: text.path, format: name)
    case .unknown(let names): throw .unknownFormat(path: text.path, line: line, fields: names)
    }
  }
}
