/// Where the assistant's turn ends in a rendered text: with the first marker that ends a turn,
/// behind what was said.
struct TurnEnds: Sendable {
  /// Markers, the longest first.
  private let markers: [[UInt8]]

  /// - Parameter texts: markers that end a turn or a generation; those that models commonly have
  ///   are known.
  init(_ texts: [String]) {
    let all = Set(texts + EndTokens.endsOfTurn + EndTokens.otherEnds).subtracting([""])
    markers = all.map { Array($0.utf8) }.sorted { $0.count > $1.count }
  }

  /// The end of the turn whose contents end at `start`, looked for up to `limit`. Without a known
  /// marker it is what looks like one (`<|…|>`); without that, the last character that is not white
  /// space.
  ///
  /// - Returns: the end, and whether a marker stands there.
  func end(_ bytes: [UInt8], from start: Int, limit: Int) -> (end: Int, isMarked: Bool) {
    for position in start..<limit {
      for marker in markers where bytes[position] == marker[0] {
        let end = position + marker.count
        if end <= limit, bytes[position..<end].elementsEqual(marker) { return (end, true) }
      }
      if let marker = Markers.marker(in: bytes, at: position, limit: limit) {
        return (marker.upperBound, true)
      }
    }
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0d).contains($0) }
    let tail = bytes[start..<limit]
    return ((tail.lastIndex { !isSpace($0) }).map { $0 + 1 } ?? start, false)
  }
}
