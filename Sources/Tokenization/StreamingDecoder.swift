/// Turns tokens into text one at a time and never shows half a character.
///
/// A token may end inside a code point: its bytes wait until the rest has come. The pieces put
/// together equal the text of all the bytes: U+FFFD stands only where bytes are not UTF-8, at the
/// latest when `finish` finds an unfinished character. Unlike `Tokenizer.decode` it keeps the
/// leading space of a SentencePiece text, which separates a continuation from its prompt. Not for
/// several streams at once: one decoder per stream.
public struct StreamingDecoder: Sendable {
  private let tokens: TokenDecoder
  private let skipSpecial: Bool
  /// The beginning of a code point, at most three bytes.
  private var pending: [UInt8] = []

  /// - Parameter skipSpecial: leaves control and unknown tokens out instead of writing their names.
  public init(_ tokens: TokenDecoder, skipSpecial: Bool = true) {
    self.tokens = tokens
    self.skipSpecial = skipSpecial
  }

  /// The text that is complete with this token, often empty.
  public mutating func append(_ id: Int32) -> String {
    if skipSpecial, tokens.isSilent(id) { return "" }
    return append(bytes: tokens.bytes(of: id))
  }

  mutating func append(bytes: [UInt8]) -> String {
    pending += bytes
    let complete = pending.count - Self.unfinishedCount(pending)
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// U+FFFD for a character that never came to its end, else nothing.
  public mutating func finish() -> String {
    let text = String(decoding: pending, as: UTF8.self)
    pending = []
    return text
  }

  /// How many bytes at the end could still become one code point (Unicode, table 3-7).
  private static func unfinishedCount(_ bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let lead = bytes[bytes.count - count]
      if lead & 0xc0 == 0x80 { continue }
      let length =
        switch lead {
        case 0xc2...0xdf: 2
        case 0xe0...0xef: 3
        case 0xf0...0xf4: 4
        default: 1
        }
      guard count < length else { return 0 }
      if count == 1 { return 1 }
      let second = bytes[bytes.count - count + 1]
      let isPossible =
        switch lead {
        case 0xe0: second >= 0xa0
        case 0xed: second <= 0x9f
        case 0xf0: second >= 0x90
        case 0xf4: second <= 0x8f
        default: true
        }
      return isPossible ? count : 0
    }
    return 0
  }
}
