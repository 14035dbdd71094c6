import TestSupport
import Testing

@testable import Tokenization

struct SpecialTokensTests {
  private struct Fixture {
    var tokens: [String]
    var kinds: [Int]
    var stripping = WhitespaceStripping.none
  }

  /// Fragments as text, special tokens as #id.
  private func split(
    _ text: String, _ tokens: [String], kinds: [Int], parseSpecial: Bool = true,
    stripping: WhitespaceStripping = .none
  ) throws -> [String] {
    let special = SpecialTokens(
      try Vocabulary(tokens: tokens, kinds: kinds), stripping: stripping)
    let bytes = Array(text.utf8)
    return special.partition(bytes.span, 0..<bytes.count, parseSpecial: parseSpecial).map {
      if let token = $0.token { return "#\(token)" }
      return String(decoding: bytes[$0.range], as: UTF8.self)
    }
  }

  /// The rule as it is told: token by token, the longest first, through all that is left of the
  /// text.
  private func splitPlainly(
    _ text: String, _ fixture: Fixture, parseSpecial: Bool
  ) -> [String] {
    enum Part {
      case text([UInt8])
      case token(Int)
    }
    func trim(_ bytes: ArraySlice<UInt8>, front: Bool) -> ArraySlice<UInt8> {
      var bytes = bytes
      while let byte = front ? bytes.first : bytes.last, byte == 32 || (9...13).contains(byte) {
        bytes = front ? bytes.dropFirst() : bytes.dropLast()
      }
      return bytes
    }
    let order = fixture.tokens.indices.filter {
      fixture.kinds[$0] == 4 || (parseSpecial && (2...3).contains(fixture.kinds[$0]))
    }.sorted {
      let (left, right) = (fixture.tokens[$0].utf8.count, fixture.tokens[$1].utf8.count)
      return left != right ? left > right : $0 < $1
    }
    var parts: [Part] = text.isEmpty ? [] : [.text(Array(text.utf8))]
    for id in order {
      let token = Array(fixture.tokens[id].utf8)
      let stripsLeft = fixture.stripping.leftOf.contains(fixture.tokens[id])
      let stripsRight =
        fixture.stripping.rightOfAll
        && !fixture.stripping.exceptRightOf.contains(fixture.tokens[id])
      var result: [Part] = []
      for part in parts {
        guard case .text(let bytes) = part else {
          result.append(part)
          continue
        }
        var rest = bytes[...]
        while let start = rest.indices.first(where: { rest[$0...].starts(with: token) }) {
          let left = stripsLeft ? trim(rest[..<start], front: false) : rest[..<start]
          if !left.isEmpty { result.append(.text(Array(left))) }
          result.append(.token(id))
          rest = rest[(start + token.count)...]
          if stripsRight { rest = trim(rest, front: true) }
        }
        if !rest.isEmpty { result.append(.text(Array(rest))) }
      }
      parts = result
    }
    return parts.map {
      switch $0 {
      case .text(let bytes): String(decoding: bytes, as: UTF8.self)
      case .token(let id): "#\(id)"
      }
    }
  }

  @Test func prefersTheLongestOfOverlappingTokens() throws {
    let tokens = ["<a>", "<a><b>", "b><c>", "x"]
    #expect(try split("x<a><b><c>y", tokens, kinds: [3, 3, 3, 1]) == ["x", "#1", "<c>y"])
    #expect(try split("<a><a>", tokens, kinds: [3, 3, 3, 1]) == ["#0", "#0"])
    // A longer token further right wins over a shorter one that begins before it.
    #expect(try split("aabbb", ["aab", "abbb"], kinds: [3, 3]) == ["a", "#1"])
    // Of equally long ones the lower number wins.
    #expect(try split("aba", ["ba", "ab"], kinds: [3, 3]) == ["a", "#0"])
    #expect(try split("aba", ["ab", "ba"], kinds: [3, 3]) == ["#0", "a"])
  }

  @Test func aTokenInTheWayMakesRoomForTheLongestThatStillFits() throws {
    let runs = ["aaaa", "aaa", "aa", "b", "aabbbbb"]
    #expect(try split("aaaabbbbb", runs, kinds: [3, 3, 3, 1, 3]) == ["#2", "#4"])
    #expect(try split("aaaaabbbbb", runs, kinds: [3, 3, 3, 1, 3]) == ["#1", "#4"])
  }

  @Test func parsesUserDefinedTokensAlwaysAndOthersOnRequest() throws {
    let tokens = ["<user>", "<control>", "<unk>"]
    let text = "<user><control><unk>"
    #expect(try split(text, tokens, kinds: [4, 3, 2]) == ["#0", "#1", "#2"])
    #expect(
      try split(text, tokens, kinds: [4, 3, 2], parseSpecial: false) == ["#0", "<control><unk>"])
    // A control token that is not asked for does not hide the user's that it begins with.
    #expect(
      try split("abc", ["ab", "abc"], kinds: [4, 3], parseSpecial: false) == ["#0", "c"])
  }

  @Test func leavesTextWithoutTokensWhole() throws {
    #expect(try split("plain < text", ["<a>"], kinds: [3]) == ["plain < text"])
    #expect(try split("", ["<a>"], kinds: [3]).isEmpty)
    #expect(try split("abc", ["", "b"], kinds: [3, 1]) == ["abc"])
    #expect(try split("<a>", ["<a>"], kinds: [3], parseSpecial: false) == ["<a>"])
  }

  @Test func stripsTheWhiteSpaceThatGoesWithAToken() throws {
    let tokens = ["<s>", "<|user|>", "<|end|>", " "]
    func phi(_ text: String) throws -> [String] {
      try split(text, tokens, kinds: [3, 3, 3, 1], stripping: .phi3)
    }
    #expect(try phi("<|user|>\nHello <|end|>\n \t<|user|>") == ["#1", "Hello ", "#2", "#1"])
    #expect(try phi("<s> a<|end|> \r\n\u{b}\u{c}") == ["#0", " a", "#2"])
    // No white space of C: U+0085 and U+00A0.
    #expect(try phi("<|end|>\u{a0}") == ["#2", "\u{a0}"])
    #expect(
      try split("a \n<mask> b", ["<mask>"], kinds: [3], stripping: .maskOfJina)
        == ["a", "#0", " b"])
  }

  @Test func isTheRuleOnRandomTextsAndVocabularies() throws {
    var random = SplitMix64(seed: 12)
    let letters = Array("ab \n<>")
    func word(_ length: Int, _ letterCount: Int) -> String {
      String((0..<length).map { _ in letters[Int(random.next() % UInt64(letterCount))] })
    }
    for round in 0..<1200 {
      let letterCount = 1 + round % letters.count
      var fixture = Fixture(tokens: [], kinds: [])
      for _ in 0..<(1 + Int(random.next() % 8)) {
        let token = word(1 + Int(random.next() % (round % 3 == 0 ? 12 : 4)), letterCount)
        if fixture.tokens.contains(token) { continue }
        fixture.tokens.append(token)
        fixture.kinds.append(1 + Int(random.next() % 5))
      }
      switch round % 4 {
      case 1: fixture.stripping.rightOfAll = true
      case 2: fixture.stripping.leftOf = Set(fixture.tokens.prefix(2))
      case 3:
        fixture.stripping.rightOfAll = true
        fixture.stripping.leftOf = Set(fixture.tokens.dropFirst())
        fixture.stripping.exceptRightOf = Set(fixture.tokens.prefix(1))
      default: break
      }
      for _ in 0..<5 {
        let text = word(Int(random.next() % 40), letterCount)
        for parses in [true, false] {
          let found = try split(
            text, fixture.tokens, kinds: fixture.kinds, parseSpecial: parses,
            stripping: fixture.stripping)
          let expected = splitPlainly(text, fixture, parseSpecial: parses)
          #expect(found == expected, "\(fixture) on \(text.debugDescription)")
        }
      }
    }
  }

  @Test func fragmentsCoverTheirRangeOnly() throws {
    let special = SpecialTokens(try Vocabulary(tokens: ["aa", "a"], kinds: [4, 4]))
    let bytes = Array("aaaaa".utf8)
    let found = special.partition(bytes.span, 1..<4, parseSpecial: false)
    #expect(found == [Fragment(range: 1..<3, token: 0), Fragment(range: 3..<4, token: 1)])
  }

  @Test func manyOverlapsCostNoMoreThanTheyMust() throws {
    let runs = (1...31).map { String(repeating: "\n", count: $0) }
    let found = try split(
      String(repeating: "\n", count: 310_005), runs, kinds: runs.map { _ in 4 })
    #expect(found.count == 310_005 / 31 + 1)
    #expect(found.last == "#\(310_005 % 31 - 1)")
  }

  @Test func whiteSpaceThatNoTokenTakesAlongIsReadOnce() throws {
    // Each run of spaces is a group of overlapping tokens, in a text that is all white space.
    let found = try split(
      String(repeating: "   \t", count: 75_000), ["  ", "   "], kinds: [4, 4])
    #expect(found.count == 150_000)
    #expect(found.prefix(3) == ["#1", "\t", "#1"])
  }

  @Test func thousandsOfTokensCostNoMoreThanOne() throws {
    let tokens = (0..<6000).map { "<unused\($0)>" }
    let text = String(repeating: "<unused17> <unused5999", count: 20_000)
    let found = try split(text, tokens, kinds: tokens.map { _ in 4 })
    #expect(found.count == 40_000)
    #expect(found.prefix(3) == ["#17", " <unused5999", "#17"])
  }
}
