/// Where the assistant's turn ends in a rendered text: with the first marker that ends a turn,
/// behind what was said.
struct TurnEnds: Sendable {
  /// Markers, the longest first.
  private let markers: [[UInt8]]
  /// Those of the model.
  private let own: [[UInt8]]

  /// - Parameter texts: markers of the model that end a turn or a generation; those that models
  ///   commonly have are known.
  init(_ texts: [String]) {
    func bytes(_ texts: Set<String>) -> [[UInt8]] {
      texts.subtracting([""]).map { Array($0.utf8) }.sorted { $0.count > $1.count }
    }
    own = bytes(Set(texts))
    markers = bytes(Set(texts + EndTokens.endsOfTurn + EndTokens.otherEnds))
  }

  /// The end of a marker of the model that stands at `position`; nil where none does.
  func ownEnd(_ bytes: [UInt8], at position: Int) -> Int? {
    own.first { bytes[position...].starts(with: $0) }.map { position + $0.count }
  }

  /// Whether a marker that ends a turn or a generation stands in `range`.
  func isMarked(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
    end(bytes, from: range.lowerBound, limit: range.upperBound).isMarked
  }

  /// The end of the turn whose contents end at `start`, looked for up to `limit`. Without a known
  /// marker it is what looks like one (`<|…|>`); without that, the last character that is not white
  /// space. A known one comes first wherever it stands, since calls of tools have markers of their
  /// own before it.
  ///
  /// - Returns: the end, and whether a marker stands there.
  func end(_ bytes: [UInt8], from start: Int, limit: Int) -> (end: Int, isMarked: Bool) {
    for position in start..<limit {
      for marker in markers where bytes[position] == marker[0] {
        let end = position + marker.count
        if end <= limit, bytes[position..<end].elementsEqual(marker) { return (end, true) }
      }
    }
    for position in start..<limit {
      if let marker = Markers.marker(in: bytes, at: position, limit: limit) {
        return (marker.upperBound, true)
      }
    }
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0d).contains($0) }
    let tail = bytes[start..<limit]
    return ((tail.lastIndex { !isSpace($0) }).map { $0 + 1 } ?? start, false)
  }
}
