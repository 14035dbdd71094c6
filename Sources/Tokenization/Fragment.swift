/// A stretch of a text: either bytes still to be tokenized or one special token.
struct Fragment: Equatable, Sendable {
  /// Bytes of the text it covers.
  var range: Range<Int>
  /// The special token written there; nil for ordinary text.
  var token: Int32?
  /// The mark of the run it is from.
  var isTarget = false
}

/// Fragments of a text gathered from left to right.
struct FragmentList {
  private var fragments: [Fragment] = []
  /// What lies before is gathered.
  private var start: Int
  private let end: Int

  init(_ range: Range<Int>) {
    start = range.lowerBound
    end = range.upperBound
  }

  /// Adds the ordinary text before a token, and the token, which takes the text of `stretch` away.
  mutating func append(_ token: Int32, at range: Range<Int>, taking stretch: Range<Int>) {
    if start < stretch.lowerBound {
      fragments.append(Fragment(range: start..<stretch.lowerBound, token: nil))
    }
    fragments.append(Fragment(range: range, token: token))
    start = stretch.upperBound
  }

  /// All of them, with the text behind the last token.
  consuming func finish() -> [Fragment] {
    if start < end { fragments.append(Fragment(range: start..<end, token: nil)) }
    return fragments
  }
}
