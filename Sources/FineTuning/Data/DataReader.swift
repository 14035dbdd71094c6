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
  /// Makes records of what `nextPiece` gives.
  private(set) var decoder: RecordDecoder
  /// Bad records left out under `skipBad`, with their reasons.
  private(set) var skipped = SkippedRecords()

  private let skipBad: Bool
  private var source: Source
  private var recordCount = 0

  /// Nil until a record has been read.
  var format: DataFormat? { decoder.format }

  /// Opens `path` (`-`: the standard input) and looks at how its records lie. Throws `DataError`.
  ///
  /// - Parameter isRecords: takes the file for JSON whatever it looks like.
  init(path: String, skipBad: Bool = false, isRecords: Bool = false) throws(DataError) {
    text = try DataText(path: path)
    let layout = try DataLayout(text, isRecords: isRecords)
    let name = text.path
    notices = layout.notices.map { "\(name) \($0)" }
    decoder = RecordDecoder(path: name)
    self.skipBad = skipBad
    switch layout.kind {
    case .json(let layout):
      source = .json(JSONRecords(text.file, start: text.start, layout: layout))
    case .separated(let separator):
      source = .separated(SeparatedRecords(text.file, start: text.start, separator: separator))
    case .raw:
      source = .raw(isRead: false)
      decoder.format = .raw
    }
  }

  /// The next record; nil behind the last. A bad record throws, or is counted in `skipped`. Throws
  /// `noRecords` when the file ends without one.
  mutating func next() throws(DataError) -> DataRecord? {
    while true {
      guard let piece = try nextPiece() else {
        guard recordCount == 0 else { return nil }
        throw .noRecords(
          path: text.path, skipped: skipped.count, first: skipped.examples.first?.fault)
      }
      do throws(DataError) {
        let (record, format) = try decoder.decode(piece)
        decoder.format = format
        recordCount += 1
        return record
      } catch {
        guard skipBad, case .badRecord = error else { throw error }
        skipped.add(error)
      }
    }
  }

  /// The bad records left out since it was last asked.
  mutating func takeSkipped() -> SkippedRecords {
    defer { skipped = SkippedRecords() }
    return skipped
  }

  /// The next record as it lies in the file, to be made by `decoder`; nil behind the last. Throws `notText` for a text
  /// that is none.
  mutating func nextPiece() throws(DataError) -> RecordPiece? {
    switch source {
    case .raw(let isRead):
      guard !isRead else { return nil }
      source = .raw(isRead: true)
      return RecordPiece(content: .raw(try text.whole()), line: 1, byteCount: text.file.byteCount)
    case .json(var records):
      // Taken out while it moves on, so that its window is not copied.
      source = .raw(isRead: true)
      let place = records.next()
      source = .json(records)
      guard let place else { return nil }
      let isReadable = place.range.count <= DataFile.longestRecord
      let bytes = isReadable ? text.file.bytes(place.range) : []
      return RecordPiece(content: .json(bytes, place), line: place.line, byteCount: bytes.count)
    case .separated(var rows):
      source = .raw(isRead: true)
      let row = rows.next()
      source = .separated(rows)
      return row.map {
        RecordPiece(content: .row($0.value), line: $0.line, byteCount: $0.byteCount)
      }
    }
  }
}
