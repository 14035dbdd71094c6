/// `tokenizer.ggml.precompiled_charsmap`: which sequences of bytes a unigram model wants replaced
/// (NFKC and more), longest first.
///
/// SentencePiece's precompiled map: the byte count of an array in four bytes, little-endian; the
/// array, a double-array trie of 32-bit units (Yata's darts-clone; Kanda 2018 calls it
/// XOR-compressed); then replacements, each ended by a zero byte. A unit holds its label in bits
/// 0…7, in bit 8 whether a sequence ends there, and in bits 10…30 how far its children lie, 256
/// times as far if bit 9 is set. The unit of a value holds where the replacement begins.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// - Throws: `malformedCharacterMap` where the map reaches outside itself.
  init(_ bytes: [UInt8]) throws(TokenizationError) {
    guard bytes.count >= 4 else {
      throw .malformedCharacterMap("it is shorter than its header of four bytes")
    }
    func unit(_ offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
    let size = Int(unit(0))
    guard size < bytes.count - 4 else {
      throw .malformedCharacterMap("its array of \(size) bytes does not fit into \(bytes.count)")
    }
    units = (0..<(size / 4)).map { unit(4 + 4 * $0) }
    replacements = Array(bytes[(4 + size)...])
    try validate()
  }

  /// The longest sequence at `start` that has a replacement: its bytes, and the replacement's.
  func match(_ text: Span<UInt8>, at start: Int) -> (count: Int, replacement: Range<Int>)? {
    guard var node = units.first.map(Self.distance) else { return nil }
    var longest: (count: Int, value: UInt32)?
    for position in start..<text.count {
      guard let (next, value) = child(of: node, text[position]) else { break }
      node = next
      if let value { longest = (position + 1 - start, value) }
    }
    guard let longest, let range = replacement(longest.value) else { return nil }
    return (longest.count, range)
  }

  /// A byte of the replacements.
  subscript(index: Int) -> UInt8 { replacements[index] }

  /// Where the children of a node's child lie, and the value of the sequence that ends there.
  private func child(of node: UInt32, _ byte: UInt8) -> (node: UInt32, value: UInt32?)? {
    let index = node ^ UInt32(byte)
    guard byte != 0, index < units.count else { return nil }
    let unit = units[Int(index)]
    guard unit & 0x8000_00ff == UInt32(byte) else { return nil }
    let next = index ^ Self.distance(unit)
    guard unit >> 8 & 1 != 0 else { return (next, nil) }
    return (next, next < units.count ? units[Int(next)] & 0x7fff_ffff : .max)
  }

  private static func distance(_ unit: UInt32) -> UInt32 {
    (unit >> 10) << (unit >> 9 & 1 != 0 ? 8 : 0)
  }

  /// The bytes from `value` to the next zero byte.
  private func replacement(_ value: UInt32) -> Range<Int>? {
    guard Int(value) < replacements.count,
      let end = replacements[Int(value)...].firstIndex(of: 0)
    else { return nil }
    return Int(value)..<end
  }

  /// Visits every node once: each value must be a replacement.
  private func validate() throws(TokenizationError) {
    guard let root = units.first.map(Self.distance) else { return }
    // Beyond the last zero byte no replacement ends.
    let end = (replacements.lastIndex(of: 0) ?? -1) + 1
    var isSeen = Array(repeating: false, count: units.count)
    var open = [root]
    while let node = open.popLast() {
      for byte in 1...UInt8.max {
        guard let (next, value) = child(of: node, byte) else { continue }
        if let value, value >= end {
          throw .malformedCharacterMap("a replacement lies outside it")
        }
        let index = Int(node ^ UInt32(byte))
        if isSeen[index] { continue }
        isSeen[index] = true
        open.append(next)
      }
    }
  }
}
