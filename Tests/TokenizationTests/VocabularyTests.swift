import Testing

@testable import Tokenization

struct VocabularyTests {
  @Test func keepsTextKindAndScoreOfEveryToken() throws {
    let vocabulary = try Vocabulary(
      tokens: ["a", "<s>", "é"], kinds: [1, 3, 99], scores: [0, -1, 2])
    #expect(vocabulary.count == 3)
    #expect(vocabulary.find("é") == 2)
    #expect(vocabulary.find("b") == nil)
    #expect(vocabulary.kind(1) == .control)
    #expect(vocabulary.kind(2) == .normal)
    #expect(vocabulary.score(2) == 2)
    #expect(Array(vocabulary.text(2)) == Array("é".utf8))
    #expect(vocabulary.longestTokenByteCount == 3)
    #expect(!vocabulary.contains(3) && !vocabulary.contains(-1) && vocabulary.contains(0))
  }

  @Test func takesABetterKindThanTheFileHas() throws {
    var vocabulary = try Vocabulary(tokens: ["a", "<x>"])
    vocabulary.set(.control, of: 1)
    #expect(vocabulary.kind(1) == .control)
    #expect(vocabulary.kind(0) == .normal)
  }

  @Test func refusesArraysThatDoNotFitTheTokens() {
    #expect(throws: TokenizationError.invalidVocabularySize(0)) { try Vocabulary(tokens: []) }
    #expect(
      throws: TokenizationError.lengthMismatch(
        key: "tokenizer.ggml.scores", expected: 2, found: 1)
    ) { try Vocabulary(tokens: ["a", "b"], scores: [1]) }
    #expect(
      throws: TokenizationError.lengthMismatch(
        key: "tokenizer.ggml.token_type", expected: 2, found: 3)
    ) { try Vocabulary(tokens: ["a", "b"], kinds: [1, 1, 1]) }
  }
}
