/// Levenshtein's distance between words, to guess what a mistyped key meant.
enum EditDistance {
  /// Insertions, deletions and substitutions of characters that turn `left` into `right`.
  static func between(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left), Array(right))
    var row = Array(0...right.count)
    for (i, character) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, other) in right.enumerated() {
        let substituted = diagonal + (character == other ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, min(row[j], row[j + 1]) + 1)
      }
    }
    return row[right.count]
  }

  /// The word nearest to `word` if it is near: at most `limit` letters differ, or a third of them or 2.
  static func nearest(
    to word: String, among words: [String], within limit: Int? = nil
  ) -> String? {
    let plain = word.lowercased().map { $0 == "-" ? "_" : String($0) }.joined()
    let best = words.map { ($0, between(plain, $0)) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= limit ?? max(2, word.count / 3) else { return nil }
    return best.0
  }
}
