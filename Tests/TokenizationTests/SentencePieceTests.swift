import Testing

@testable import Tokenization

struct SentencePieceTests {
  private func encode(
    _ text: String, _ description: TokenizerDescription, parseSpecial: Bool = false
  ) throws -> [String] {
    let tokenizer = try Tokenizer(description)
    return tokenizer.encode(text, addBeginning: false, parseSpecial: parseSpecial).map {
      description.tokens[Int($0)]
    }
  }

  @Test func mergesTheHighestScoreFirstAndThenTheLeftmost() throws {
    let pieces = TestTokenizers.sentencePieces(["▁", "a", "b", "c", "bc", "ab"])
    #expect(try encode("abc", pieces) == ["▁", "a", "bc"])
    #expect(
      try encode("abc", TestTokenizers.sentencePieces(["▁", "a", "b", "c", "ab", "bc"]))
        == ["▁", "ab", "c"])
    #expect(
      try encode("aaa", TestTokenizers.sentencePieces(["▁", "a", "aa"])) == ["▁", "aa", "a"])
  }

  @Test func putsASpaceInFrontUnlessTheModelDoesNotWantIt() throws {
    var pieces = TestTokenizers.sentencePieces(["▁a", "a", "▁", "b"])
    #expect(try encode("a b", pieces) == ["▁a", "▁", "b"])
    #expect(try encode("a</s>a", pieces, parseSpecial: true) == ["▁a", "</s>", "▁a"])
    pieces.addsSpacePrefix = false
    #expect(try encode("a b", pieces) == ["a", "▁", "b"])
  }

  @Test func writesUncoveredCharactersInBytesOrAsUnknown() throws {
    #expect(
      try encode("é", TestTokenizers.sentencePieces(["▁"])) == ["▁", "<0xC3>", "<0xA9>"])
    #expect(
      try encode("é", TestTokenizers.sentencePieces(["▁"], hasBytes: false))
        == ["▁", "<unk>", "<unk>"])
  }

  @Test func controlTokensNeverComeOutOfPlainText() throws {
    let pieces = TestTokenizers.sentencePieces(["▁", "<", "/", "s", ">", "</", "s>"])
    #expect(try encode("</s>", pieces) == ["▁", "</", "s>"])
    #expect(try encode("</s>", pieces, parseSpecial: true) == ["</s>"])
  }

  @Test func userDefinedTokensAreAlwaysParsed() throws {
    let pieces = TestTokenizers.sentencePieces(["▁", "a"], userDefined: ["<tool>"])
    #expect(try encode("a<tool>a", pieces) == ["▁", "a", "<tool>", "▁", "a"])
  }

  @Test func decodingIsTheInverseOfEncoding() throws {
    for prefix in [true, false] {
      var pieces = TestTokenizers.sentencePieces(["▁", "a", "b", "▁a", "▁▁", "ab"])
      pieces.addsSpacePrefix = prefix
      let tokenizer = try Tokenizer(pieces)
      for text in TestTokenizers.texts + ["▁".replacing("▁", with: " "), " a", "  a"] {
        for beginning in [true, false] {
          let ids = tokenizer.encode(text, addBeginning: beginning, parseSpecial: false)
          #expect(tokenizer.decode(ids, skipSpecial: true) == text)
        }
      }
    }
  }
}
