import Testing

@testable import Tokenization

struct SplitMatcherTests {
  private func matches(_ text: String, _ expression: SplitExpression) -> [String] {
    let bytes = Array(text.utf8)
    let matcher = SplitMatcher(expression, ScalarClasses(expression.sets))
    var memory = matcher.emptyMemory
    var found: [String] = []
    var start = 0
    while let match = matcher.firstMatch(
      in: bytes.span, from: start, to: bytes.count, memory: &memory)
    {
      found.append(String(decoding: bytes[match], as: UTF8.self))
      start = match.upperBound
    }
    return found
  }

  @Test func runsTakeAllTheyMayAndGiveBackWhatOthersNeed() {
    let ab = SplitExpression([.any(ScalarSet("ab")), .some(ScalarSet("b"))])
    #expect(matches("abab c aab a", ab) == ["abab", "aab"])
    #expect(matches("bbbb", SplitExpression([.times(1...3, ScalarSet("b"))])) == ["bbb", "b"])
    #expect(
      matches("éàé", SplitExpression([.some(ScalarSet("éà")), .one(ScalarSet("à"))])) == ["éà"])
    #expect(
      matches("ab", SplitExpression([.optional(ScalarSet("a")), .one(ScalarSet("a"))])) == ["a"])
  }

  @Test func theFirstAlternativeThatMatchesWins() {
    let expression = SplitExpression(
      [.one(ScalarSet("a")), .text("bc")], [.some(ScalarSet("ab"))], [.one(ScalarSet("a-z"))])
    #expect(matches("abcabab x", expression) == ["abc", "abab", "x"])
  }

  @Test func contractionsAreEnglish() {
    let exact = SplitExpression([.contraction(ignoresCase: false, isOptional: false)])
    #expect(matches("'s 'S 're 'r 'll 'x '", exact) == ["'s", "'re", "'ll"])
    let any = SplitExpression([.contraction(ignoresCase: true, isOptional: false)])
    #expect(matches("'s 'S 'rE 'VE '", any) == ["'s", "'S", "'rE", "'VE"])
    let behind = SplitExpression([
      .some(.letters), .contraction(ignoresCase: true, isOptional: true),
    ])
    #expect(matches("we'll go'x", behind) == ["we'll", "go", "x"])
  }

  @Test func nothingIsSeenBehindTheEnd() {
    let expression = SplitExpression([.some(.space), .endOrNot(!.whitespace)])
    #expect(matches("a  b  ", expression) == [" ", "  "])
    #expect(matches("a b", expression).isEmpty)
  }

  @Test func wordsJoinOverSingleSpaces() {
    #expect(
      matches("ab e\u{301}f  g1 h", SplitExpression([.joinedWords])) == ["ab e\u{301}f", "g", "h"])
  }

  /// A run that failed is not run through again from each of its characters; what follows it is
  /// found all the same.
  @Test func afterARunThatFailedTheSearchGoesOn() {
    let expression = SplitExpression([.some(ScalarSet("a")), .one(ScalarSet("b"))])
    #expect(matches("aaacaab", expression) == ["aab"])
    #expect(matches(String(repeating: "a", count: 50_000) + "cab", expression) == ["ab"])
  }
}
