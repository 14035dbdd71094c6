internal import Tokenization

/// Why a record is no JSON, in words a person can act on, with line and column.
///
/// The parser says what its grammar misses at which byte; this looks at that byte to tell the
/// mistakes that people's files really have: a comma too many, Python's quotes, two records on a
/// line, another encoding.
struct JSONFault: Equatable {
  let line: Int
  /// In characters, from 1.
  let column: Int
  let reason: String

  /// - Parameter record: where `bytes` begin in their file.
  init(_ error: JSONError, in bytes: [UInt8], at record: JSONRecords.Record, path: String) {
    let offset = min(error.offset, bytes.count)
    let before = bytes[..<offset]
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
    line = record.line + before.count { $0 == UInt8(ascii: "\n") }
    let characters = before[(start ?? 0)...].count { $0 & 0xC0 != 0x80 }
    column = (start == nil ? record.column : 1) + characters
    let next = offset < bytes.count ? bytes[offset] : nil
    reason = Self.reason(error.reason, next: next, before: before, path: path)
  }

  private static func reason(
    _ reason: String, next: UInt8?, before: ArraySlice<UInt8>, path: String
  ) -> String {
    switch (reason, next) {
    case ("more text after the value", UInt8(ascii: ",")):
      return "a comma behind the record, where a line should end (remove it)"
    case ("more text after the value", UInt8(ascii: "{")):
      let gap = before.reversed().prefix { $0.isJSONSpace }
      if gap.contains(UInt8(ascii: "\r")) {
        return "lines end in a carriage return alone (convert the file with tr '\\r' '\\n' < "
          + "\(path) > new)"
      }
      return "a second record on the same line (put each on a line of its own)"
    case ("more text after the value", 0xEF), ("a value should be here", 0xEF):
      return "a byte order mark in the middle of the file, as joined files have it (remove it)"
    case ("a key in double quotes should be here", UInt8(ascii: "'")),
      ("a value should be here", UInt8(ascii: "'")):
      return "single quotes, as Python prints them (JSON wants double quotes: write it with "
        + "json.dumps)"
    case (let reason, _) where reason.hasPrefix("a byte order mark"):
      return "a byte order mark in the middle of the file, as joined files have it (remove it)"
    case (let reason, let byte?) where reason.hasPrefix("a raw control character"):
      let name =
        switch byte {
        case 0x09: "tab in a string (write it as \\t)"
        case 0x0A: "line break in a string (write it as \\n)"
        case 0x0D: "carriage return in a string (write it as \\r)"
        default: "control character in a string (write it as \\u00\(Self.hexadecimal(byte)))"
        }
      return "a raw \(name)"
    case (let reason, _) where reason.hasPrefix("a comma before"):
      return "\(reason) (remove it)"
    case ("NaN and Infinity are no JSON", _):
      return "NaN and Infinity are no JSON (write null, or leave the field out)"
    case (let reason, _) where reason.hasPrefix("a lone surrogate"):
      return "a lone surrogate, half of a character that was cut (remove it)"
    case ("bytes that are no UTF-8", _):
      return "not UTF-8 text (if it is Latin-1, convert the file with iconv -f WINDOWS-1252 -t "
        + "UTF-8 \(path) > new)"
    case (let reason, nil) where reason.hasPrefix("the text ends"):
      let rest = reason.dropFirst("the text ends".count)
      return "the record ends\(rest) (was it cut off?)"
    case (let reason, _) where reason.hasSuffix("is no JSON value: quote it"):
      return "\(reason.dropLast(": quote it".count)) (quote it, or is this no JSON?)"
    case ("a key in double quotes should be here", nil):
      return "the record ends where a key should be (was it cut off?)"
    default:
      return "no JSON: \(reason)"
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return text.count == 1 ? "0" + text : text
  }
}
