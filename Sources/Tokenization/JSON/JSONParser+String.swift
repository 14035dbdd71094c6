/// Strings: UTF-8 and escapes, both checked.
extension JSONParser {
  /// The string that begins at the quote here.
  mutating func string() throws(JSONError) -> String {
    position += 1
    var result: [UInt8] = []
    var start = position
    while true {
      guard position < bytes.count else { throw error("the text ends inside a string") }
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        result += bytes[start..<position]
        position += 1
        return String(decoding: result, as: UTF8.self)
      case UInt8(ascii: "\\"):
        result += bytes[start..<position]
        result += Array(String(Character(try escape())).utf8)
        start = position
      case 0..<0x20:
        throw error("a raw control character in a string: write it as an escape")
      case 0x80...:
        position += try sequenceLength()
      default:
        position += 1
      }
    }
  }

  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    guard position + 1 < bytes.count else { throw error("the text ends inside a string") }
    position += 2
    switch bytes[position - 1] {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw error("an escape that JSON does not have", at: start)
    }
    let unit = try hexadecimal(from: start)
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard unit < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw error("a lone surrogate, which is no character", at: start) }
    position += 2
    let low = try hexadecimal(from: start)
    guard low >= 0xDC00, low <= 0xDFFF,
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { throw error("a lone surrogate, which is no character", at: start) }
    return scalar
  }

  private mutating func hexadecimal(from start: Int) throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count, let digit = bytes[position].hexadecimal else {
        throw error("\\u needs four hexadecimal digits", at: start)
      }
      value = value << 4 | digit
      position += 1
    }
    return value
  }

  /// Bytes of the UTF-8 sequence here (Unicode 15, table 3-7).
  private func sequenceLength() throws(JSONError) -> Int {
    let lead = bytes[position]
    let second = position + 1 < bytes.count ? bytes[position + 1] : 0
    let length: Int
    let isAllowed: Bool
    switch lead {
    case 0xC2...0xDF: (length, isAllowed) = (2, true)
    case 0xE0: (length, isAllowed) = (3, second >= 0xA0)
    case 0xED: (length, isAllowed) = (3, second <= 0x9F)
    case 0xE1...0xEF: (length, isAllowed) = (3, true)
    case 0xF0: (length, isAllowed) = (4, second >= 0x90)
    case 0xF1...0xF3: (length, isAllowed) = (4, true)
    case 0xF4: (length, isAllowed) = (4, second <= 0x8F)
    default: (length, isAllowed) = (0, false)
    }
    guard isAllowed, position + length <= bytes.count,
      bytes[(position + 1)..<(position + length)].allSatisfy({ $0 & 0xC0 == 0x80 })
    else { throw error("bytes that are no UTF-8") }
    return length
  }
}
