internal import Tensors
internal import Tokenization

/// Finds the list of records in an object that wraps it: `{"version": 1, "data": [{…}, …]}`.
///
/// Only where it is unmistakable: one member of the outermost object is an array whose first
/// element is a record of a known format.
enum JSONWrapper {
  struct List {
    let key: String
    /// Where the array opens.
    let open: Int
  }

  /// The list; nil when there is none. Throws `severalLists` when there are more.
  static func list(_ text: DataText) throws(DataError) -> List? {
    var bytes = ByteWindow(text.file)
    var position = bytes.skippingSpace(from: text.start)
    guard position < bytes.count, bytes[position] == UInt8(ascii: "{") else { return nil }
    position += 1
    var found: [List] = []
    while true {
      position = bytes.skippingSpace(from: position)
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { break }
      let keyEnd = endOfValue(&bytes, position)
      guard keyEnd - position < 1 << 12,
        let key = try? JSONValue(parsing: text.file.bytes(position..<keyEnd)).text
      else { break }
      position = bytes.skippingSpace(from: keyEnd)
      guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { break }
      position = bytes.skippingSpace(from: position + 1)
      guard position < bytes.count else { break }
      if bytes[position] == UInt8(ascii: "["), beginsWithRecord(text, position) {
        found.append(List(key: key, open: position))
      }
      position = bytes.skippingSpace(from: endOfValue(&bytes, position))
      guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { break }
      position += 1
    }
    if found.count > 1 { throw .severalLists(path: text.path, keys: found.map(\.key)) }
    return found.first
  }

  private static func beginsWithRecord(_ text: DataText, _ open: Int) -> Bool {
    var records = JSONRecords(
      text.file, start: text.start, layout: .array(open: open, isWrapped: true))
    guard let first = records.next(), first.range.count <= DataFile.longestRecord,
      let value = try? JSONValue(parsing: text.file.bytes(first.range))
    else { return false }
    return RecordFormat(known: value) != nil
  }

  /// Behind the value that begins at `start`: strings and brackets are followed.
  private static func endOfValue(_ bytes: inout ByteWindow, _ start: Int) -> Int {
    var (position, depth, inString) = (start, 0, false)
    while position < bytes.count {
      let byte = bytes[position]
      if inString {
        if byte == UInt8(ascii: "\\") {
          position += 1
        } else if byte == UInt8(ascii: "\"") {
          inString = false
          if depth == 0 { return min(position + 1, bytes.count) }
        }
      } else if byte == UInt8(ascii: "\"") {
        inString = true
      } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        depth += 1
      } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        if depth == 0 { return position }
        depth -= 1
        if depth == 0 { return position + 1 }
      } else if byte == UInt8(ascii: ","), depth == 0 {
        return position
      }
      position += 1
    }
    return bytes.count
  }
}
