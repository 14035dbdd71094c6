import TestSupport
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

  /// The rule as it is told: of all neighbours that make a token, merge those with the best, again
  /// and again.
  private func encodePlainly(_ text: String, _ description: TokenizerDescription) -> [String] {
    guard !text.isEmpty else { return [] }
    var scores: [[UInt8]: Float] = [:]
    for (index, token) in description.tokens.enumerated()
    where description.tokenKinds[index] != 3 {
      scores[Array(token.utf8)] = description.scores[index]
    }
    let scalars = ((description.addsSpacePrefix ?? true ? " " : "") + text).unicodeScalars
    var symbols = scalars.map { Array(($0 == " " ? "▁" : String($0)).utf8) }
    while true {
      var best: (score: Float, index: Int)?
      for index in symbols.indices.dropLast() {
        guard let score = scores[symbols[index] + symbols[index + 1]] else { continue }
        if best.map({ score > $0.score }) ?? true { best = (score, index) }
      }
      guard let best else { break }
      symbols[best.index] += symbols.remove(at: best.index + 1)
    }
    return symbols.flatMap { symbol in
      scores[symbol] != nil
        ? [String(decoding: symbol, as: UTF8.self)]
        : symbol.map {
          "<0x" + (["", "0"][$0 < 16 ? 1 : 0]) + String($0, radix: 16, uppercase: true) + ">"
        }
    }
  }

  @Test func isTheRuleOnRandomTextsAndVocabularies() throws {
    var random = SplitMix64(seed: 7)
    let letters = Array("ab é▁日<😀")
    func word(_ length: Int, _ letterCount: Int) -> String {
      String((0..<length).map { _ in letters[Int(random.next() % UInt64(letterCount))] })
    }
    for round in 0..<200 {
      let letterCount = 1 + round % letters.count
      let pieces = Set(
        (0..<(1 + Int(random.next() % 24))).map { _ in
          word(1 + Int(random.next() % 5), letterCount).replacing(" ", with: "▁")
        })
      var description = TestTokenizers.sentencePieces(pieces.sorted())
      for index in description.scores.indices.dropFirst(259) {
        description.scores[index] = -Float(random.next() % 6)
      }
      description.addsSpacePrefix = round % 2 == 0
      // Beyond 32 characters parts go through the heap.
      let tokenizer = try Tokenizer(description)
      for length in [0, 1, 6, 20, 90] {
        let text = word(length, letterCount)
        let ids = tokenizer.encode(text, addBeginning: false, parseSpecial: false)
        #expect(
          ids.map { description.tokens[Int($0)] } == encodePlainly(text, description),
          "\(pieces) on \(text.debugDescription)")
      }
    }
  }

  @Test func charactersWithoutATokenStillMerge() throws {
    let pieces = TestTokenizers.sentencePieces(["▁", "éé", "ééé"])
    #expect(try encode("éé", pieces) == ["▁", "éé"])
    #expect(try encode("ééééé", pieces) == ["▁", "éé", "ééé"])
    #expect(try encode("é", pieces) == ["▁", "<0xC3>", "<0xA9>"])
  }

  @Test func aLongRunOfOneCharacterIsOnePart() throws {
    let pieces = TestTokenizers.sentencePieces(["▁", "a", "aa", "aaaa"])
    let tokens = try encode(String(repeating: "a", count: 40_001), pieces)
    #expect(tokens.count == 10_002)
    #expect(tokens.prefix(2) == ["▁", "aaaa"] && tokens.last == "a")
  }
}
