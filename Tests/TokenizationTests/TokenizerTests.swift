import Testing

@testable import Tokenization

struct TokenizerTests {
  /// Ids of the hand-made vocabulary.
  private enum ID {
    static let hello: Int32 = 259
    static let spaceHello: Int32 = 260
    static let start: Int32 = 262
    static let imStart: Int32 = 263
    static let imEnd: Int32 = 264
    static let tool: Int32 = 265
  }

  @Test func mergesInsideWordsOnly() throws {
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    #expect(
      tokenizer.encode("hello hello", addBeginning: true, parseSpecial: true)
        == [ID.hello, ID.spaceHello])
    #expect(tokenizer.vocabularySize == 266)
  }

  @Test func aTextTooLongForPlacesOf32BitsIsRefused() throws {
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    #expect(tokenizer.longestText == Int(Int32.max))
    try tokenizer.checkLength(tokenizer.longestText)
    let count = 3 << 30
    let error = TokenizationError.textTooLong(byteCount: count, most: tokenizer.longestText)
    #expect(throws: error) { try tokenizer.checkLength(count) }
    #expect(
      error.description
        == "a text of 3221225472 bytes is more than this model's tokenizer takes at once (2147483647): split it into parts"
    )
    #expect(try Tokenizer(TestTokenizers.sentencePieces(["a"])).longestText == Int(Int32.max) / 3)
  }

  @Test func whatWasMetInOtherTextsChangesNothing() throws {
    let texts = [
      "hello hello", "hello", "hell", "hello<tool>hello", String(repeating: " hello", count: 5000),
    ]
    let fresh = try texts.map {
      try Tokenizer(TestTokenizers.bytePairs()).encode($0, addBeginning: false, parseSpecial: true)
    }
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    for _ in 0..<3 {
      #expect(texts.map { tokenizer.encode($0, addBeginning: false, parseSpecial: true) } == fresh)
    }
    tokenizer.forgetWords()
    #expect(texts.map { tokenizer.encode($0, addBeginning: false, parseSpecial: true) } == fresh)
  }

  @Test func parsesControlTokensOnRequestAndUserDefinedOnesAlways() throws {
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    let text = "hello<|im_end|><tool>"
    #expect(
      tokenizer.encode(text, addBeginning: false, parseSpecial: true)
        == [ID.hello, ID.imEnd, ID.tool])
    let plain = tokenizer.encode(text, addBeginning: false, parseSpecial: false)
    #expect(plain == [ID.hello] + "<|im_end|>".utf8.map { Int32($0) } + [ID.tool])
  }

  @Test func beginningAndEndAreAddedOnceAndOnlyIfTheModelWantsThem() throws {
    var description = TestTokenizers.bytePairs()
    description.beginning = ID.start
    description.end = ID.imEnd
    func ids(_ text: String) throws -> [Int32] {
      try Tokenizer(description)
        .encode(text, addBeginning: true, addEnd: true, parseSpecial: true)
    }
    #expect(try ids("hello") == [ID.hello])
    description.addsBeginning = true
    description.addsEnd = true
    #expect(try ids("hello") == [ID.start, ID.hello, ID.imEnd])
    #expect(try ids("<|begin|>hello<|im_end|>") == [ID.start, ID.hello, ID.imEnd])
    #expect(try ids("") == [ID.start, ID.imEnd])
    let tokenizer = try Tokenizer(description)
    #expect(tokenizer.addsBeginning && tokenizer.addsEnd)
    #expect(tokenizer.encode("hello", addBeginning: false, parseSpecial: true) == [ID.hello])
    description.beginning = nil
    #expect(try !Tokenizer(description).addsBeginning)
  }

  @Test func llama3AddsBeginningUnlessTheFileSaysNo() throws {
    var description = TestTokenizers.bytePairs(preTokenizer: "llama-bpe")
    description.beginning = ID.start
    #expect(try Tokenizer(description).addsBeginning)
    description.addsBeginning = false
    #expect(try !Tokenizer(description).addsBeginning)
  }

  @Test func endsAreTheFilesAndThoseKnownByTheirText() throws {
    var description = TestTokenizers.bytePairs()
    #expect(try Tokenizer(description).endOfTurn == ID.imEnd)
    #expect(try Tokenizer(description).endOfGeneration == [ID.imEnd])
    description.end = ID.start
    description.otherEnds = [ID.tool]
    var tokenizer = try Tokenizer(description)
    #expect(tokenizer.endOfTurn == ID.imEnd)
    #expect(tokenizer.endOfGeneration == [ID.imEnd, ID.start, ID.tool])
    description.endOfTurn = ID.imStart
    tokenizer = try Tokenizer(description)
    #expect(tokenizer.endOfTurn == ID.imStart)
    #expect(tokenizer.endOfGeneration.contains(ID.imStart))
    let other = TestTokenizers.bytePairs(controls: ["<s>"])
    #expect(try Tokenizer(other).endOfTurn == nil)
  }

  @Test func endOfTurnTextIsControlEvenIfTheFileCallsItNormal() throws {
    var description = TestTokenizers.bytePairs()
    description.tokenKinds[Int(ID.imEnd)] = 1
    let tokenizer = try Tokenizer(description)
    #expect(tokenizer.id(ofSpecial: "<|im_end|>") == ID.imEnd)
    #expect(
      tokenizer.encode("<|im_end|>", addBeginning: false, parseSpecial: true) == [ID.imEnd])
  }

  @Test func specialTokensAreFoundByName() throws {
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    #expect(tokenizer.id(ofSpecial: "<tool>") == ID.tool)
    #expect(tokenizer.id(ofSpecial: "hello") == nil)
    #expect(tokenizer.id(ofSpecial: "<none>") == nil)
  }

  @Test func decodingIsTheInverseOfEncoding() throws {
    for name in ["gpt-2", "smollm", "llama-bpe", "qwen2", "default"] {
      let tokenizer = try Tokenizer(TestTokenizers.bytePairs(preTokenizer: name))
      for text in TestTokenizers.texts {
        for parses in [true, false] {
          let ids = tokenizer.encode(text, addBeginning: false, parseSpecial: parses)
          #expect(tokenizer.decode(ids, skipSpecial: false) == text)
          #expect(Array(tokenizer.decode(ids, skipSpecial: false).utf8) == Array(text.utf8))
        }
      }
    }
  }

  @Test func decodingLeavesControlTokensOutOnRequest() throws {
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    let ids = [ID.imStart, ID.hello, ID.tool, ID.imEnd, 9999, -1]
    #expect(tokenizer.decode(ids, skipSpecial: true) == "hello<tool>")
    #expect(tokenizer.decode(ids, skipSpecial: false) == "<|im_start|>hello<tool><|im_end|>")
    #expect(tokenizer.bytes(of: ID.spaceHello) == Array(" hello".utf8))
    #expect(tokenizer.bytes(of: 0xc3) == [0xc3])
    #expect(tokenizer.bytes(of: 9999).isEmpty)
  }

  @Test func noTokenReachesIntoATarget() throws {
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    let runs = [
      Tokenizer.Run(text: "he", parsesSpecial: true),
      Tokenizer.Run(text: "llo", parsesSpecial: false),
      Tokenizer.Run(text: "he", parsesSpecial: true),
      Tokenizer.Run(text: "llo", parsesSpecial: false, isTarget: true),
    ]
    let (ids, isTarget) = tokenizer.encode(runs)
    #expect(ids == [ID.hello, 256, 257, 111])
    #expect(isTarget == [false, false, true, true])
  }

  @Test func manyThreadsMayUseOneTokenizer() async throws {
    let tokenizer = try Tokenizer(TestTokenizers.bytePairs())
    let text = TestTokenizers.texts.joined()
    let expected = tokenizer.encode(text, addBeginning: false, parseSpecial: false)
    await withTaskGroup(of: [Int32].self) { group in
      for _ in 0..<8 {
        group.addTask { tokenizer.encode(text, addBeginning: false, parseSpecial: false) }
      }
      for await ids in group { #expect(ids == expected) }
    }
  }

  @Test func whiteSpaceThatGoesWithATokenMayLieInTheNextRun() throws {
    var pieces = TestTokenizers.sentencePieces(["▁", "a"])
    pieces.stripping = .phi3
    let tokenizer = try Tokenizer(pieces)
    let runs = [
      Tokenizer.Run(text: "</s>\n", parsesSpecial: true),
      Tokenizer.Run(text: " \n", parsesSpecial: false),
      Tokenizer.Run(text: "\t a", parsesSpecial: false, isTarget: true),
    ]
    let (ids, isTarget) = tokenizer.encode(runs)
    #expect(ids == [2, 259, 260] && isTarget == [false, true, true])
    #expect(
      tokenizer.encode("</s>\n \n\t a", addBeginning: false, parseSpecial: true) == ids)
  }

  @Test func bytesWithoutATokenAreCounted() throws {
    var description = TestTokenizers.bytePairs(merges: ["Ã ©"])
    description.tokens[0xc3] = "gone"
    let tokenizer = try Tokenizer(description)
    #expect(tokenizer.missingByteCount(in: "a<|im_end|>é") == 0)
    #expect(tokenizer.missingByteCount(in: "àéà") == 2)
    #expect(
      try Tokenizer(TestTokenizers.sentencePieces(["▁"])).missingByteCount(in: "àéà") == 0)
  }
}
