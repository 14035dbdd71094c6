/// `tokenizer.ggml.precompiled_charsmap`: which sequences of bytes a unigram model wants replaced
/// (NFKC and more), longest first.
///
/// SentencePiece's precompiled map: the byte count of an array in four bytes, little-endian; the
/// array, a double-array trie of 32-bit units (Yata's darts-clone; Kanda 2018 calls it
/// XOR-compressed); then replacements, each ended by a zero byte. A unit holds its label in bits
/// 0…7, in bit 8 whether a sequence ends there, and in bits 10…30 how far its children lie, 256
/// times as far if bit 9 is set. The unit of a value holds where the replacement begins.
///
/// Real maps replace a dozen bytes by some thirty at most. One whose sequences have no end, or that
/// would make a text hundreds of times as long, is refused.
struct CharacterMap: Sendable {
  /// Bytes of a sequence, and of a replacement.
  private static let longest = 256

  private let units: [UInt32]
  private let replacements: [UInt8]

  /// - Throws: `malformedCharacterMap` where the map reaches outside itself or what it replaces is
  ///   longer than any character is.
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

  /// The bytes from `value` to the next zero byte, which is not far.
  private func replacement(_ value: UInt32) -> Range<Int>? {
    guard Int(value) < replacements.count,
      let end = replacements[Int(value)...].prefix(Self.longest + 1).firstIndex(of: 0)
    else { return nil }
    return Int(value)..<end
  }

  /// A node on the way from the root that is being visited.
  private struct Visit {
    /// Of its unit; nil for the root.
    var index: Int?
    var node: UInt32
    /// The child that was visited last.
    var byte: UInt8 = 0
    /// Bytes of the longest way on.
    var height = 0
  }

  /// Visits every node once, a child before its parent: each value must be a replacement, and no
  /// sequence may be longer than `longest` (nodes may be shared, and would be endless in a circle).
  private func validate() throws(TokenizationError) {
    guard let root = units.first.map(Self.distance) else { return }
    /// Of each node visited, one more for its own byte.
    var heights = Array(repeating: 0, count: units.count)
    var isOpen = Array(repeating: false, count: units.count)
    var path = [Visit(index: nil, node: root)]
    while var visit = path.popLast() {
      var child: Visit?
      while child == nil, visit.byte < .max {
        visit.byte += 1
        guard let (next, value) = self.child(of: visit.node, visit.byte) else { continue }
        if let value, replacement(value) == nil {
          throw .malformedCharacterMap("a replacement lies outside it or is too long")
        }
        let index = Int(visit.node ^ UInt32(visit.byte))
        if isOpen[index] || path.count == Self.longest {
          throw .malformedCharacterMap("a sequence has no end")
        }
        if heights[index] == 0 {
          child = Visit(index: index, node: next)
        } else {
          visit.height = max(visit.height, heights[index])
        }
      }
      if visit.height > Self.longest { throw .malformedCharacterMap("a sequence has no end") }
      if let child, let index = child.index {
        isOpen[index] = true
        path += [visit, child]
      } else if let index = visit.index, let parent = path.indices.last {
        isOpen[index] = false
        heights[index] = visit.height + 1
        path[parent].height = max(path[parent].height, heights[index])
      }
    }
  }
}
