/// A stretch of a text: either bytes still to be tokenized or one special token.
struct Fragment: Equatable, Sendable {
  /// Bytes of the text it covers.
  var range: Range<Int>
  /// The special token written there; nil for ordinary text.
  var token: Int32?
}

/// Finds control, unknown and user-defined tokens written out in a text.
///
/// As llama.cpp does: longer tokens first, then from left to right; user-defined tokens always, the others only
/// when asked. Does not strip the whitespace around a token (the lstrip and rstrip flags of Hugging Face, which
/// GGUF does not carry).
struct SpecialTokens: Sendable {
  private var table = ByteStringTable()
  private var ids: [Int32] = []
  private var isAlwaysParsed: [Bool] = []
  /// For every first byte the lengths of the tokens that begin with it, longest first.
  private var lengths: [[Int]] = Array(repeating: [], count: 256)

  init(_ vocabulary: Vocabulary) {
    for id in 0..<Int32(vocabulary.count) {
      let kind = vocabulary.kind(id)
      guard kind == .control || kind == .unknown || kind == .userDefined else { continue }
      let text = Array(vocabulary.text(id))
      guard let first = text.first else { continue }
      table.append(text.span)
      ids.append(id)
      isAlwaysParsed.append(kind == .userDefined)
      if !lengths[Int(first)].contains(text.count) { lengths[Int(first)].append(text.count) }
    }
    for first in lengths.indices { lengths[first].sort(by: >) }
  }

  /// Splits `range` of a text; the fragments cover it without gap, and none is empty.
  func partition(_ bytes: Span<UInt8>, _ range: Range<Int>, parseSpecial: Bool) -> [Fragment] {
    let tokens = choose(occurrences(bytes, range, parseSpecial: parseSpecial), in: range)
    var fragments: [Fragment] = []
    var start = range.lowerBound
    for token in tokens {
      if start < token.range.lowerBound {
        fragments.append(Fragment(range: start..<token.range.lowerBound, token: nil))
      }
      fragments.append(token)
      start = token.range.upperBound
    }
    if start < range.upperBound {
      fragments.append(Fragment(range: start..<range.upperBound, token: nil))
    }
    return fragments
  }

  /// Every place where a token is written, from left to right; they may overlap.
  private func occurrences(
    _ bytes: Span<UInt8>, _ range: Range<Int>, parseSpecial: Bool
  ) -> [Fragment] {
    var found: [Fragment] = []
    guard !ids.isEmpty else { return found }
    for start in range {
      let first = Int(bytes[start])
      if lengths[first].isEmpty { continue }
      for length in lengths[first] where start + length <= range.upperBound {
        let candidate = start..<(start + length)
        guard let index = table.find(bytes.extracting(candidate)) else { continue }
        guard parseSpecial || isAlwaysParsed[index] else { continue }
        found.append(Fragment(range: candidate, token: ids[index]))
      }
    }
    return found
  }

  /// Of overlapping occurrences keeps the longest, then the leftmost.
  private func choose(_ found: [Fragment], in range: Range<Int>) -> [Fragment] {
    let overlaps = zip(found, found.dropFirst()).contains {
      $0.range.upperBound > $1.range.lowerBound
    }
    guard overlaps else { return found }
    let order = found.sorted {
      $0.range.count != $1.range.count
        ? $0.range.count > $1.range.count : $0.range.lowerBound < $1.range.lowerBound
    }
    var isTaken = Array(repeating: false, count: range.count)
    var chosen: [Fragment] = []
    for fragment in order {
      // What is taken is no shorter than this, so it covers an end of it if it touches it at all.
      let first = fragment.range.lowerBound - range.lowerBound
      let last = fragment.range.upperBound - 1 - range.lowerBound
      if isTaken[first] || isTaken[last] { continue }
      for position in first...last { isTaken[position] = true }
      chosen.append(fragment)
    }
    return chosen.sorted { $0.range.lowerBound < $1.range.lowerBound }
  }
}
