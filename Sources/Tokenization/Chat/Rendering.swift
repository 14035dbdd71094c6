/// A conversation as a template wrote it: the text, and who each stretch of it comes from.
struct Rendering: Sendable {
  struct Stretch: Equatable, Sendable {
    /// Bytes of the text.
    var range: Range<Int>
    /// See `Conversation.origin(ofMessage:)`; 0 is the template.
    var origin: Int32
    /// Whether it lies inside `{% generation %}`.
    var isGeneration: Bool
  }

  /// UTF-8.
  private(set) var bytes: [UInt8] = []
  private(set) var stretches: [Stretch] = []

  init(_ pieces: [JinjaPiece]) { append(pieces) }

  /// The first bytes of another, and what was written behind them.
  init(_ whole: Rendering, upTo byteCount: Int, then end: [JinjaPiece]) {
    bytes = Array(whole.bytes[..<byteCount])
    for stretch in whole.stretches where stretch.range.lowerBound < byteCount {
      stretches.append(stretch)
      stretches[stretches.count - 1].range = stretch.range.clamped(to: 0..<byteCount)
    }
    append(end)
  }

  private mutating func append(_ pieces: [JinjaPiece]) {
    bytes.reserveCapacity(bytes.count + pieces.reduce(0) { $0 + $1.text.utf8.count })
    for piece in pieces where !piece.text.isEmpty {
      let start = bytes.count
      bytes += piece.text.utf8
      if let last = stretches.last, last.origin == piece.origin,
        last.isGeneration == piece.isGeneration
      {
        stretches[stretches.count - 1].range = last.range.lowerBound..<bytes.count
      } else {
        stretches.append(
          Stretch(
            range: start..<bytes.count, origin: piece.origin, isGeneration: piece.isGeneration))
      }
    }
  }

  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// From the first to the last byte that comes from `origin`; nil when nothing does.
  func extent(of origin: Int32) -> Range<Int>? {
    guard let first = stretches.first(where: { $0.origin == origin }),
      let last = stretches.last(where: { $0.origin == origin })
    else { return nil }
    return first.range.lowerBound..<last.range.upperBound
  }

  /// The stretches of `{% generation %}`, those that touch as one.
  var generated: [Range<Int>] {
    var ranges: [Range<Int>] = []
    for stretch in stretches where stretch.isGeneration {
      if let last = ranges.last, last.upperBound == stretch.range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<stretch.range.upperBound
      } else {
        ranges.append(stretch.range)
      }
    }
    return ranges
  }

  /// Whether this text begins with the first `count` bytes of `other`.
  func begins(with other: Rendering, count: Int) -> Bool {
    count <= bytes.count && bytes[..<count].elementsEqual(other.bytes[..<count])
  }
}
