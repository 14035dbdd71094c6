internal import Tokenization

/// A record as it lies in its file, not yet looked at.
struct RecordPiece: Sendable {
  enum Content: Sendable {
    /// The bytes of a JSON text; none where the place says that they are too many or missing.
    case json([UInt8], JSONRecords.Record)
    /// The fields of a row as an object, or why there is none.
    case row(Result<JSONValue, RecordFields.Fault>)
    /// A file that is one text.
    case raw(String)
  }

  let content: Content
  /// Line of the file where it begins, from 1.
  let line: Int
  /// In the file.
  let byteCount: Int
}

/// Makes a record of what lies in a file: parses it, tells its format where that is not known yet, and checks it.
///
/// It keeps nothing from one record to the next, so that records can be made side by side.
struct RecordDecoder: Sendable {
  /// As messages name the file.
  let path: String
  /// Nil until it was told from a record.
  var format: DataFormat?

  /// The record in `piece`, and its format. Throws `badRecord`, and `unsupportedFormat` or `unknownFormat` where the
  /// format is not known yet.
  func decode(_ piece: RecordPiece) throws(DataError) -> (record: DataRecord, format: DataFormat) {
    switch piece.content {
    case .raw(let text):
      return (DataRecord(content: .raw(text), line: piece.line), .raw)
    case .json(let bytes, let place):
      return try record(try value(bytes, place), line: piece.line)
    case .row(.failure(let fault)):
      throw .badRecord(path: path, line: piece.line, reason: fault.reason)
    case .row(.success(let value)):
      return try record(value, line: piece.line)
    }
  }

  private func value(
    _ bytes: [UInt8], _ place: JSONRecords.Record
  ) throws(DataError) -> JSONValue {
    func bad(_ reason: String) -> DataError {
      .badRecord(path: path, line: place.line, column: place.column, reason: reason)
    }
    guard !place.range.isEmpty else {
      throw bad("the array is not closed (was the file cut off?)")
    }
    guard place.range.count <= DataFile.longestRecord else {
      throw bad("a record of \(place.range.count) bytes (at most 16 MiB)")
    }
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      let fault = JSONFault(error, in: bytes, at: place, path: path)
      throw .badRecord(path: path, line: fault.line, column: fault.column, reason: fault.reason)
    }
  }

  private func record(
    _ value: JSONValue, line: Int
  ) throws(DataError) -> (record: DataRecord, format: DataFormat) {
    do {
      let fields = try RecordFields(value)
      let format = try format ?? detect(fields, line: line)
      return (DataRecord(content: try fields.content(format), line: line), format)
    } catch let fault as RecordFields.Fault {
      throw .badRecord(path: path, line: line, reason: fault.reason)
    } catch let error as DataError {
      throw error
    } catch {
      throw .badRecord(path: path, line: line, reason: "\(error)")
    }
  }

  private func detect(_ fields: RecordFields, line: Int) throws(DataError) -> DataFormat {
    switch RecordFormat(fields.members) {
    case .known(let format): return format
    case .unsupported(let name): throw .unsupportedFormat(path: path, format: name)
    case .unknown(let names): throw .unknownFormat(path: path, line: line, fields: names)
    }
  }
}
