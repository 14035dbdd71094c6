/// The byte ranges of the records of a JSON-lines file or of one JSON array, with the line each
/// begins on.
///
/// Only finds where records begin and end (strings, escapes and nesting are followed, nothing else
/// is checked): whether a record is JSON is the decoder's affair, so that one broken record can be
/// named and skipped alone.
struct JSONRecords: Sequence {
  struct Record: Equatable {
    let range: Range<Int>
    let line: Int
  }

  let bytes: [UInt8]
  /// Where the text starts, behind a byte-order mark.
  let start: Int

  /// Whether the text is one array rather than lines.
  var isArray: Bool {
    bytes[start...].first { !isSpace($0) } == UInt8(ascii: "[")
  }

  func makeIterator() -> AnyIterator<Record> {
    isArray ? arrayElements() : lines()
  }

  /// Lines that are not blank.
  private func lines() -> AnyIterator<Record> {
    var position = start
    var line = 0
    return AnyIterator {
      while position < bytes.count {
        let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        let range = position..<end
        position = end + 1
        line += 1
        if bytes[range].contains(where: { !isSpace($0) }) {
          return Record(range: range, line: line)
        }
      }
      return nil
    }
  }

  /// Elements of the outermost array. What follows its end, or lacks its end, comes as one more
  /// (broken) record.
  private func arrayElements() -> AnyIterator<Record> {
    var position = (bytes[start...].firstIndex(of: UInt8(ascii: "[")) ?? start) + 1
    var line = 1 + bytes[..<position].count { $0 == UInt8(ascii: "\n") }
    var closed = false
    return AnyIterator {
      func skipSpace() {
        while position < bytes.count, isSpace(bytes[position]) {
          if bytes[position] == UInt8(ascii: "\n") { line += 1 }
          position += 1
        }
      }
      skipSpace()
      if !closed, position < bytes.count, bytes[position] == UInt8(ascii: "]") {
        closed = true
        position += 1
        skipSpace()
      }
      if closed {
        defer { position = bytes.count }
        return position < bytes.count ? Record(range: position..<bytes.count, line: line) : nil
      }
      guard position < bytes.count else {
        closed = true
        return Record(range: bytes.count..<bytes.count, line: line)
      }
      let first = position
      let firstLine = line
      var depth = 0
      var inString = false
      scan: while position < bytes.count {
        let byte = bytes[position]
        if byte == UInt8(ascii: "\n") { line += 1 }
        if inString {
          if byte == UInt8(ascii: "\\") {
            position += 1
          } else if byte == UInt8(ascii: "\"") {
            inString = false
          }
        } else if byte == UInt8(ascii: "\"") {
          inString = true
        } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
          depth += 1
        } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
          if depth == 0 { break scan }
          depth -= 1
        } else if byte == UInt8(ascii: ","), depth == 0 {
          break scan
        }
        position += 1
      }
      // A stray bracket or comma is a broken record of its own length, so that the scan always
      // moves on.
      position = Swift.min(Swift.max(position, first + 1), bytes.count)
      let end = position
      skipSpace()
      if position < bytes.count, bytes[position] == UInt8(ascii: ",") { position += 1 }
      return Record(range: first..<end, line: firstLine)
    }
  }
}

/// JSON's white space.
private func isSpace(_ byte: UInt8) -> Bool {
  byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
}
