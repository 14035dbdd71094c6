/// The tokens of a SentencePiece vocabulary, found by a hash that two neighbours' hashes give
/// without reading their text again.
///
/// The hash is a polynomial modulo 2⁶⁴: h(ab) = h(a) · base^|b| + h(b). Open addressing with linear
/// probing, at most half full; a slot holds 31 bits of the hash and the token, and what is found is
/// compared byte by byte. Of two tokens with the same text the later one is found; control tokens
/// never are.
struct PieceTable: Sendable {
  /// The hash of a text and base^n for its n bytes.
  struct Hash {
    var value: UInt64 = 0
    var power: UInt64 = 1

    @inline(__always)
    mutating func append(_ byte: UInt8) {
      value = value &* PieceTable.base &+ UInt64(byte) &+ 1
      power = power &* PieceTable.base
    }
  }

  /// What merging asks of a token, in one place: 32 bytes.
  private struct Token {
    var hash: Hash
    /// Where its text begins in the storage.
    var start: Int
    var count: Int32
    var priority: UInt32
  }

  private var storage: [UInt8] = []
  private var tokens: [Token] = []
  private var slots: [UInt64]
  private let shift: UInt64
  private let longestByteCount: Int
  /// The token that each byte below 128 is by itself, or -1.
  private var ascii = Array(repeating: Int32(-1), count: 128)
  private static let base: UInt64 = 0x5851_f42d_4c95_7f2d
  private static let empty = UInt64.max

  init(_ vocabulary: Vocabulary) {
    var bits: UInt64 = 4
    while 1 << bits < 2 * vocabulary.count { bits += 1 }
    slots = Array(repeating: Self.empty, count: 1 << bits)
    shift = 64 - bits
    longestByteCount = vocabulary.longestTokenByteCount
    tokens.reserveCapacity(vocabulary.count)
    for id in 0..<Int32(vocabulary.count) {
      var hash = Hash()
      let start = storage.count
      for byte in vocabulary.text(id) {
        storage.append(byte)
        hash.append(byte)
      }
      tokens.append(
        Token(
          hash: hash, start: start, count: Int32(storage.count - start),
          priority: MergeQueue.priority(ofScore: vocabulary.score(id))))
    }
    for id in 0..<Int32(vocabulary.count) where vocabulary.kind(id) != .control {
      let token = tokens[Int(id)]
      let range = token.start..<(token.start + Int(token.count))
      if range.isEmpty { continue }
      let slot = slot(token.hash.value, storage.span.extracting(range))
      slots[slot] = Self.tag(token.hash.value) | UInt64(id)
      if range.count == 1, storage[range.lowerBound] < 128 {
        ascii[Int(storage[range.lowerBound])] = id
      }
    }
  }

  /// The hash of a token's text.
  @inline(__always)
  func hash(_ token: Int32) -> Hash { tokens[Int(token)].hash }

  /// The order of merges: the token of lowest priority first.
  @inline(__always)
  func priority(_ token: Int32) -> UInt32 { tokens[Int(token)].priority }

  /// The token that one character is, or -1.
  func character(_ text: Span<UInt8>) -> Int32 {
    if text.count == 1, text[0] < 128 { return ascii[Int(text[0])] }
    var hash = Hash()
    for position in text.indices { hash.append(text[position]) }
    return find(hash.value, text)
  }

  /// The token that two neighbours make, given their hashes, or -1.
  @inline(__always)
  func joined(_ left: Hash, _ right: Hash, _ text: Span<UInt8>) -> Int32 {
    if text.count > longestByteCount { return -1 }
    return find(left.value &* right.power &+ right.value, text)
  }

  @inline(__always)
  private func find(_ hash: UInt64, _ text: Span<UInt8>) -> Int32 {
    let found = slots[slot(hash, text)]
    return found == Self.empty ? -1 : Int32(truncatingIfNeeded: found)
  }

  /// The slot of the token with this text, or the empty one where the search for it ends.
  @inline(__always)
  private func slot(_ hash: UInt64, _ text: Span<UInt8>) -> Int {
    let mask = slots.count - 1
    let tag = Self.tag(hash)
    var slot = Int(truncatingIfNeeded: (hash &* 0x9e37_79b9_7f4a_7c15) >> shift)
    while slots[slot] != Self.empty {
      if (slots[slot] ^ tag) >> 32 == 0, equals(Int(slots[slot] & 0xffff_ffff), text) {
        return slot
      }
      slot = (slot + 1) & mask
    }
    return slot
  }

  /// 31 bits of a hash above those of a token: no slot in use looks empty.
  @inline(__always)
  private static func tag(_ hash: UInt64) -> UInt64 { (hash & 0x7fff_ffff) << 32 }

  @inline(__always)
  private func equals(_ token: Int, _ text: Span<UInt8>) -> Bool {
    let start = tokens[token].start
    guard tokens[token].count == text.count else { return false }
    for position in text.indices where storage[start + position] != text[position] {
      return false
    }
    return true
  }
}
