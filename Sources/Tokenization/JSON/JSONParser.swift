/// Reads one JSON text (RFC 8259) from UTF-8 bytes: recursive descent with a limit of depth, no
/// look-ahead.
///
/// Strict: no comments, no trailing comma, no `NaN`, no raw control character in a string, no lone
/// surrogate, no bytes that are not UTF-8, nothing after the value but white space.
struct JSONParser {
  let bytes: [UInt8]
  let depthLimit: Int
  var position = 0
  private var depth = 0

  init(bytes: [UInt8], depthLimit: Int) {
    self.bytes = bytes
    self.depthLimit = depthLimit
  }

  mutating func parse() throws(JSONError) -> JSONValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      throw error("a byte order mark, which JSON does not allow: save the file without it")
    }
    skipSpace()
    let value = try value()
    skipSpace()
    if position < bytes.count { throw error("more text after the value") }
    return value
  }

  func error(_ reason: String, at offset: Int? = nil) -> JSONError {
    JSONError(offset: offset ?? position, reason: reason)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func value() throws(JSONError) -> JSONValue {
    guard let byte = current else { throw error("the text ends where a value should be") }
    switch byte {
    case UInt8(ascii: "{"): return try nested { (parser) throws(JSONError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { (parser) throws(JSONError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: return try word()
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(JSONError) -> JSONValue
  ) throws(JSONError) -> JSONValue {
    guard depth < depthLimit else {
      throw error("lists and objects nest deeper than \(depthLimit)")
    }
    depth += 1
    position += 1
    skipSpace()
    let result = try body(&self)
    depth -= 1
    return result
  }

  private mutating func array() throws(JSONError) -> JSONValue {
    var items: [JSONValue] = []
    if current == UInt8(ascii: "]") {
      position += 1
      return .array(items)
    }
    while true {
      items.append(try value())
      if try ends(with: UInt8(ascii: "]"), name: "]") { return .array(items) }
    }
  }

  private mutating func object() throws(JSONError) -> JSONValue {
    var members: [JSONValue.Member] = []
    if current == UInt8(ascii: "}") {
      position += 1
      return .object(members)
    }
    while true {
      guard current == UInt8(ascii: "\"") else {
        throw error("a key in double quotes should be here")
      }
      let key = try string()
      skipSpace()
      guard current == UInt8(ascii: ":") else { throw error("a colon should follow the key") }
      position += 1
      skipSpace()
      members.append(JSONValue.Member(key: key, value: try value()))
      if try ends(with: UInt8(ascii: "}"), name: "}") { return .object(members) }
    }
  }

  /// Past the comma that goes on, or past the bracket that closes.
  private mutating func ends(with bracket: UInt8, name: String) throws(JSONError) -> Bool {
    skipSpace()
    guard let byte = current else { throw error("the text ends before \(name)") }
    if byte == bracket {
      position += 1
      return true
    }
    guard byte == UInt8(ascii: ",") else { throw error("a comma or \(name) should be here") }
    let comma = position
    position += 1
    skipSpace()
    if current == bracket { throw error("a comma before \(name)", at: comma) }
    return false
  }

  private mutating func word() throws(JSONError) -> JSONValue {
    let start = position
    while let byte = current, byte.isLetter { position += 1 }
    switch String(decoding: bytes[start..<position], as: UTF8.self) {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    case "NaN", "Infinity": throw error("NaN and Infinity are no JSON", at: start)
    case "": throw error("a value should be here")
    case let word: throw error("\(word.prefix(20)) is no JSON value: quote it", at: start)
    }
  }

  private mutating func digits() -> Int {
    let start = position
    while let byte = current, byte.isDigit { position += 1 }
    return position - start
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    let first = position
    guard digits() > 0 else {
      let reason =
        current == UInt8(ascii: "I") ? "NaN and Infinity are no JSON" : "a digit should follow"
      throw error(reason)
    }
    if bytes[first] == UInt8(ascii: "0"), position - first > 1 {
      throw error("a number with a leading zero", at: first)
    }
    var isInteger = true
    if current == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      guard digits() > 0 else { throw error("a digit should follow the point") }
    }
    if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if let sign = current, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
        position += 1
      }
      guard digits() > 0 else { throw error("a digit should follow the exponent's e") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger { return Int(text).map(JSONValue.integer) ?? .bigInteger(text) }
    guard let number = Double(text), number.isFinite else {
      throw error("a number beyond the range of 64-bit floats", at: start)
    }
    return .number(number)
  }
}

extension UInt8 {
  var isDigit: Bool { self >= 0x30 && self <= 0x39 }
  var isLetter: Bool { self | 0x20 >= 0x61 && self | 0x20 <= 0x7A }
  /// The value of a hexadecimal digit.
  var hexadecimal: UInt32? {
    switch self {
    case 0x30...0x39: UInt32(self) - 0x30
    case 0x41...0x46: UInt32(self) - 0x37
    case 0x61...0x66: UInt32(self) - 0x57
    default: nil
    }
  }
}
