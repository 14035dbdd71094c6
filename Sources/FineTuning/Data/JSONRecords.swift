internal import Tensors

/// The byte ranges of the records of a JSON file, with the place each begins at.
///
/// Only finds where records begin and end (strings, escapes and nesting are followed, nothing else
/// is checked): whether a record is JSON is the parser's affair, so that one broken record can be
/// named and skipped alone.
struct JSONRecords {
  /// How records lie in the file.
  enum Layout: Equatable {
    /// One on each line.
    case lines
    /// One behind the other, each over as many lines as it takes.
    case objects
    /// In one array that opens at this byte; what surrounds it is left alone if it is a wrapper.
    case array(open: Int, isWrapped: Bool)
  }

  struct Record: Equatable {
    let range: Range<Int>
    /// From 1.
    let line: Int
    /// Bytes from the line's begin, from 1.
    let column: Int
  }

  private let layout: Layout
  private var bytes: ByteWindow
  private var position: Int
  private var line = 1
  private var lineStart: Int
  private var isClosed = false

  /// - Parameter start: where the text begins, behind a byte-order mark.
  init(_ file: MappedFile, start: Int, layout: Layout) {
    self.layout = layout
    bytes = ByteWindow(file)
    position = start
    lineStart = start
    if case .array(let open, _) = layout {
      while position < open { advance() }
      advance()
    }
  }

  mutating func next() -> Record? {
    switch layout {
    case .lines: nextLine()
    case .objects: nextObject()
    case .array(_, let isWrapped): nextElement(isWrapped: isWrapped)
    }
  }

  private mutating func advance() {
    if bytes[position] == UInt8(ascii: "\n") {
      line += 1
      lineStart = position + 1
    }
    position += 1
  }

  private mutating func skipSpace() {
    while position < bytes.count, bytes[position].isJSONSpace { advance() }
  }

  /// The next line that is not blank.
  private mutating func nextLine() -> Record? {
    while position < bytes.count {
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), from: position)
      let range = position..<end
      let own = line
      let isBlank = bytes.skippingSpace(from: position) >= end
      position = end + 1
      line += 1
      lineStart = position
      if !isBlank { return Record(range: range, line: own, column: 1) }
    }
    return nil
  }

  /// The next object. One that is not closed ends where a line begins with the next.
  private mutating func nextObject() -> Record? {
    skipSpace()
    guard position < bytes.count else { return nil }
    let (first, place) = (position, (line, position - lineStart + 1))
    scan(stopsAtLine: true)
    if position == first { advance() }
    return Record(range: first..<min(position, bytes.count), line: place.0, column: place.1)
  }

  /// The next element of the array. What follows its end, or lacks its end, comes as one more
  /// (broken) record.
  private mutating func nextElement(isWrapped: Bool) -> Record? {
    skipSpace()
    if !isClosed, position < bytes.count, bytes[position] == UInt8(ascii: "]") {
      isClosed = true
      advance()
      skipSpace()
    }
    if isClosed {
      defer { position = bytes.count }
      return position < bytes.count && !isWrapped
        ? Record(range: position..<bytes.count, line: line, column: position - lineStart + 1) : nil
    }
    guard position < bytes.count else {
      isClosed = true
      return Record(range: bytes.count..<bytes.count, line: line, column: position - lineStart + 1)
    }
    let (first, place) = (position, (line, position - lineStart + 1))
    scan(stopsAtLine: false)
    // A stray bracket or comma is a broken record of its own length, so that the scan always moves on.
    if position == first { advance() }
    let end = min(position, bytes.count)
    skipSpace()
    if position < bytes.count, bytes[position] == UInt8(ascii: ",") { advance() }
    return Record(range: first..<end, line: place.0, column: place.1)
  }

  /// Past one value: to the comma or bracket behind it (an array's), or past its last bracket.
  private mutating func scan(stopsAtLine: Bool) {
    let start = position
    var depth = 0
    var inString = false
    while position < bytes.count {
      let byte = bytes[position]
      if inString {
        if byte == UInt8(ascii: "\\") {
          advance()
          guard position < bytes.count else { return }
        } else if byte == UInt8(ascii: "\"") {
          inString = false
        }
      } else if byte == UInt8(ascii: "\"") {
        inString = true
      } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        depth += 1
      } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        if depth == 0 { return }
        depth -= 1
        if stopsAtLine, depth == 0 {
          advance()
          return
        }
      } else if byte == UInt8(ascii: ","), depth == 0, !stopsAtLine {
        return
      }
      advance()
      if stopsAtLine, position == lineStart, position > start, position < bytes.count,
        bytes[position] == UInt8(ascii: "{")
      {
        return
      }
    }
  }
}
