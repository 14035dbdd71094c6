/// GPT-2's alphabet: every byte written as one printable character, so that tokens are readable
/// text.
///
/// Printable bytes of Latin-1 (33…126, 161…172, 174…255) stand for themselves; the other 68, in
/// order, are U+0100, U+0101, … (the space becomes Ġ, the newline Ċ). From OpenAI's gpt-2,
/// encoder.py, `bytes_to_unicode`.
struct ByteAlphabet: Sendable {
  /// The byte of each character below U+0144, or -1.
  private let byteOfScalar: [Int16]

  init() {
    var bytes = Array(repeating: Int16(-1), count: 0x144)
    var next = 0x100
    for byte in 0..<256 {
      switch byte {
      case 33...126, 161...172, 174...255: bytes[byte] = Int16(byte)
      default:
        bytes[next] = Int16(byte)
        next += 1
      }
    }
    byteOfScalar = bytes
  }

  /// The bytes a token's text stands for, appended to `bytes`; false (and nothing appended) if a
  /// character is outside the alphabet.
  func decode(_ text: some Sequence<UInt8>, into bytes: inout [UInt8]) -> Bool {
    let start = bytes.count
    var lead: Int?
    for unit in text {
      var scalar = Int(unit)
      if let first = lead {
        guard unit & 0xc0 == 0x80 else { break }
        scalar = (first & 0x1f) << 6 | Int(unit & 0x3f)
        lead = nil
      } else if unit >= 0x80 {
        lead = Int(unit)
        if unit & 0xe0 == 0xc0 { continue }
        break
      }
      guard scalar < byteOfScalar.count, byteOfScalar[scalar] >= 0 else {
        lead = scalar
        break
      }
      bytes.append(UInt8(byteOfScalar[scalar]))
    }
    if lead != nil { bytes.removeSubrange(start...) }
    return lead == nil
  }
}
