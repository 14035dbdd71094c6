import Testing

@testable import Tokenization

struct SpecialTokensTests {
  /// Fragments as text, special tokens as #id.
  private func split(
    _ text: String, _ tokens: [String], kinds: [Int], parseSpecial: Bool = true
  ) throws -> [String] {
    let special = SpecialTokens(try Vocabulary(tokens: tokens, kinds: kinds))
    let bytes = Array(text.utf8)
    return special.partition(bytes.span, 0..<bytes.count, parseSpecial: parseSpecial).map {
      if let token = $0.token { return "#\(token)" }
      return String(decoding: bytes[$0.range], as: UTF8.self)
    }
  }

  @Test func prefersTheLongestOfOverlappingTokens() throws {
    let tokens = ["<a>", "<a><b>", "b><c>", "x"]
    #expect(try split("x<a><b><c>y", tokens, kinds: [3, 3, 3, 1]) == ["x", "#1", "<c>y"])
    #expect(try split("<a><a>", tokens, kinds: [3, 3, 3, 1]) == ["#0", "#0"])
    // A longer token further right wins over a shorter one that begins before it.
    #expect(try split("aabbb", ["aab", "abbb"], kinds: [3, 3]) == ["a", "#1"])
  }

  @Test func parsesUserDefinedTokensAlwaysAndOthersOnRequest() throws {
    let tokens = ["<user>", "<control>", "<unk>"]
    let text = "<user><control><unk>"
    #expect(try split(text, tokens, kinds: [4, 3, 2]) == ["#0", "#1", "#2"])
    #expect(
      try split(text, tokens, kinds: [4, 3, 2], parseSpecial: false) == ["#0", "<control><unk>"])
  }

  @Test func leavesTextWithoutTokensWhole() throws {
    #expect(try split("plain < text", ["<a>"], kinds: [3]) == ["plain < text"])
    #expect(try split("", ["<a>"], kinds: [3]).isEmpty)
    #expect(try split("abc", ["", "b"], kinds: [3, 1]) == ["abc"])
  }

  @Test func manyOverlapsCostNoMoreThanTheyMust() throws {
    let runs = (1...31).map { String(repeating: "\n", count: $0) }
    let found = try split(
      String(repeating: "\n", count: 10_000), runs, kinds: runs.map { _ in 4 })
    #expect(found.count == 10_000 / 31 + 1)
    #expect(found.last == "#\(10_000 % 31 - 1)")
  }
}
