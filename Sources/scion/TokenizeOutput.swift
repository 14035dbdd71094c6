import Foundation

/// What `scion tokenize` writes, to stdout by and by.
struct TokenizeOutput {
  private var buffer = Data()

  mutating func write(_ bytes: some Sequence<UInt8>) throws(StandardStreams.Failure) {
    buffer.append(contentsOf: bytes)
    if buffer.count > 1 << 16 { try flush() }
  }

  mutating func write(_ text: String) throws(StandardStreams.Failure) { try write(text.utf8) }

  /// Numbers on one line.
  mutating func write(_ ids: [Int32]) throws(StandardStreams.Failure) {
    for (index, id) in ids.enumerated() { try write(index == 0 ? "\(id)" : " \(id)") }
    try write("\n")
  }

  /// A token on its line.
  mutating func write(_ id: Int32, standingFor bytes: [UInt8]) throws(StandardStreams.Failure) {
    let number = String(id)
    let space = String(repeating: " ", count: max(0, 7 - number.count))
    try write("\(space)\(number)  \(Self.quoted(bytes))\n")
  }

  /// A JSON string on its line.
  mutating func write(json text: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    try write(encoder.encode(text))
    try write("\n")
  }

  mutating func flush() throws(StandardStreams.Failure) {
    try StandardStreams.result(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  /// What a token stands for, on one line of plain text: control characters and those that show
  /// nothing are escaped as in Swift, bytes that are no whole characters as \xE2.
  static func quoted(_ bytes: [UInt8]) -> String {
    var text = "\""
    var decoder = UTF8()
    var rest = bytes[...]
    while !rest.isEmpty {
      var iterator = rest.makeIterator()
      guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
        text += "\\x" + hexadecimal(rest.removeFirst())
        decoder = UTF8()
        continue
      }
      decoder = UTF8()
      rest.removeFirst(String(scalar).utf8.count)
      switch scalar {
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\"", "\\": text += "\\\(scalar)"
      default:
        switch scalar.properties.generalCategory {
        case .control, .format, .unassigned, .privateUse, .lineSeparator, .paragraphSeparator:
          text += "\\u{" + String(scalar.value, radix: 16) + "}"
        case .spaceSeparator where scalar != " ":
          text += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: text.unicodeScalars.append(scalar)
        }
      }
    }
    return text + "\""
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.count == 1 ? "0" + digits : digits
  }
}
