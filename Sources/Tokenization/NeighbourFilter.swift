/// Which two characters can stand side by side in a token.
///
/// A text may be cut where they cannot: no merge ever reaches across, so that the parts tokenize as
/// the whole does. Two characters of ASCII have a bit of their own, others share one by a hash: one
/// that is set for no reason costs a cut, never a token.
struct NeighbourFilter: Sendable {
  private var ascii = Array(repeating: UInt64(0), count: 128 * 128 / 64)
  private var others: [UInt64]
  private let shift: UInt64

  init(_ vocabulary: Vocabulary) {
    // Some 16 bits for each token.
    var bits: UInt64 = 12
    while 1 << bits < 16 * vocabulary.count, bits < 26 { bits += 1 }
    others = Array(repeating: 0, count: 1 << (bits - 6))
    shift = 64 - bits
    for id in 0..<Int32(vocabulary.count) where vocabulary.kind(id) != .control {
      var left: UInt32?
      var right: UInt32?
      for byte in vocabulary.text(id) {
        if byte & 0xc0 == 0x80, let character = right {
          right = character << 8 | UInt32(byte)
          continue
        }
        if let left, let right { insert(left, right) }
        left = right
        right = UInt32(byte)
      }
      if let left, let right { insert(left, right) }
    }
  }

  private mutating func insert(_ left: UInt32, _ right: UInt32) {
    if left < 128, right < 128 {
      let bit = left << 7 | right
      ascii[Int(bit >> 6)] |= 1 << UInt64(bit & 63)
    } else {
      let bit = bit(left, right)
      others[Int(bit >> 6)] |= 1 << (bit & 63)
    }
  }

  /// Whether a token may hold these two, one after the other; each is its bytes of UTF-8 as one
  /// number.
  @inline(__always)
  func mayJoin(_ left: UInt32, _ right: UInt32) -> Bool {
    if left < 128, right < 128 {
      let bit = left << 7 | right
      return ascii[Int(bit >> 6)] >> UInt64(bit & 63) & 1 != 0
    }
    let bit = bit(left, right)
    return others[Int(bit >> 6)] >> (bit & 63) & 1 != 0
  }

  @inline(__always)
  private func bit(_ left: UInt32, _ right: UInt32) -> UInt64 {
    ((UInt64(left) << 32 | UInt64(right)) &* 0x9e37_79b9_7f4a_7c15) >> shift
  }
}
