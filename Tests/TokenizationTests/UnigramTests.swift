import Testing

@testable import Tokenization

struct UnigramTests {
  private static let map = TestCharacterMap.bytes([
    ("ﬁ", "fi"), ("e\u{301}", "é"), ("\t", " "), ("\u{200b}", ""), ("日", "日本"), ("A", "a"),
  ])

  private func description(
    addsSpacePrefix: Bool, mergesSpaces: Bool, map: [UInt8] = UnigramTests.map
  ) -> TokenizerDescription {
    var description = TokenizerDescription(
      kind: .unigram,
      tokens: [
        "<pad>", "</s>", "<unk>", "<x>", "▁", "a", "b", "ab", "▁a", "abab", "fi", "é", "▁▁", "c",
        "日本", "cd", "q",
      ])
    description.tokenKinds = [3, 3, 2, 4] + Array(repeating: 1, count: 12) + [5]
    description.scores = [
      0, 0, -5, 0, -2, -3, -3, -4, -3.5, -9, -1, -3, -3, -20, -5, -4, -1,
    ]
    description.end = 1
    description.unknown = 2
    description.addsSpacePrefix = addsSpacePrefix
    description.mergesSpaces = mergesSpaces
    description.characterMap = map
    return description
  }

  private static let texts = [
    "ab", "abab ababab", " a  b ", "ﬁb", "e\u{301}A", "z日z!!z", "a\tb\u{200b}A", "<x>a <x> <",
    "c cd q", "日本日", "▁a", "", "   ", "<é", "x>",
  ]

  /// llama.cpp's ids of the same vocabularies and texts.
  @Test func tokenizesAsLlamaCppDoes() throws {
    let prefixed: [[Int32]] = [
      [4, 7], [4, 7, 7, 4, 7, 7, 7], [8, 4, 6], [4, 10, 6], [4, 11, 5], [4, 2, 14, 2],
      [8, 4, 6, 5], [3, 8, 3, 4, 2], [4, 13, 4, 15, 4, 16], [4, 14, 2, 14], [4, 8], [], [],
      [4, 2, 11], [4, 2],
    ]
    let plain: [[Int32]] = [
      [7], [7, 7, 4, 7, 7, 7], [8, 12, 6, 4], [10, 6], [11, 5], [2, 14, 2], [5, 4, 6, 5],
      [3, 5, 4, 3, 4, 2], [13, 4, 15, 4, 16], [14, 2, 14], [8], [], [4, 12], [2, 11], [2],
    ]
    let unmapped: [[Int32]] = [
      [4, 7], [4, 7, 7, 4, 7, 7, 7], [4, 8, 12, 6, 4], [4, 2, 6], [4, 2], [4, 2], [8, 2, 6, 2],
      [3, 8, 4, 3, 12, 2], [4, 13, 4, 15, 4, 16], [4, 14, 2], [4, 8], [], [4, 12], [4, 2, 11],
      [4, 2],
    ]
    func ids(_ description: TokenizerDescription) throws -> [[Int32]] {
      let tokenizer = try Tokenizer(description)
      return Self.texts.map {
        tokenizer.encode($0, addBeginning: false, parseSpecial: true)
      }
    }
    #expect(try ids(description(addsSpacePrefix: true, mergesSpaces: true)) == prefixed)
    #expect(try ids(description(addsSpacePrefix: false, mergesSpaces: false)) == plain)
    #expect(try ids(description(addsSpacePrefix: true, mergesSpaces: false, map: [])) == unmapped)
  }

  @Test func addsTheEndButNoBeginningUnlessTheFileSaysSo() throws {
    var description = description(addsSpacePrefix: true, mergesSpaces: true)
    let tokenizer = try Tokenizer(description)
    #expect(!tokenizer.addsBeginning && tokenizer.addsEnd)
    #expect(
      tokenizer.encode("ab", addBeginning: true, addEnd: true, parseSpecial: true) == [4, 7, 1])
    description.addsEnd = false
    #expect(try !Tokenizer(description).addsEnd)
  }

  @Test func decodingGivesTheNormalizedText() throws {
    let tokenizer = try Tokenizer(description(addsSpacePrefix: true, mergesSpaces: true))
    let ids = tokenizer.encode(" a  ﬁA<x>b", addBeginning: false, parseSpecial: true)
    #expect(tokenizer.decode(ids, skipSpecial: true) == "a fia<x>b")
  }

  @Test func refusesDamageAndScoresThatAreNoNumbersDoNoHarm() throws {
    var damaged = description(addsSpacePrefix: true, mergesSpaces: true)
    damaged.characterMap = [9, 9]
    #expect(throws: TokenizationError.self) { try Tokenizer(damaged) }
    damaged.characterMap = []
    damaged.unknown = nil
    #expect(throws: TokenizationError.missingKey("tokenizer.ggml.unknown_token_id")) {
      try Tokenizer(damaged)
    }
    damaged.unknown = 2
    for score in [Float.nan, -.infinity, .infinity] {
      damaged.scores = damaged.scores.map { _ in score }
      let ids = try Tokenizer(damaged).encode("ab x", addBeginning: false, parseSpecial: true)
      #expect(!ids.isEmpty && ids.allSatisfy { (0..<17).contains($0) })
    }
  }
}
