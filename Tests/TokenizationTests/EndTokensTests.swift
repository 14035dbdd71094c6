import Testing

@testable import Tokenization

struct EndTokensTests {
  /// The kind of every token and those that end a generation, of a vocabulary of normal tokens.
  private func resolve(
    _ tokens: [String], _ change: (inout TokenizerDescription) -> Void = { _ in }
  ) throws -> (kinds: [TokenKind], ends: Set<Int32>) {
    var description = TokenizerDescription(kind: .sentencePiece, tokens: tokens)
    change(&description)
    var vocabulary = try Vocabulary(tokens: tokens, kinds: description.tokenKinds)
    let ends = EndTokens.resolve(&vocabulary, description)
    return ((0..<Int32(tokens.count)).map { vocabulary.kind($0) }, ends)
  }

  @Test func whatEndsAGenerationIsAControlToken() throws {
    let found = try resolve(["a", "<|im_end|>", "</s>", "<turn|>", "b"]) {
      $0.end = 4
      $0.endOfTurn = 0
    }
    #expect(found.kinds == [.normal, .control, .control, .control, .normal])
    #expect(found.ends == [0, 1, 2, 3, 4])
  }

  @Test func fillInTheMiddleIsKnownByItsTextUnlessTheFileNamesIt() throws {
    let tokens = ["<fim_prefix>", "<fim_suffix>", "<PAD>", "[PAD]", "<|repo_name|>"]
    let guessed = try resolve(tokens)
    #expect(guessed.kinds == [.control, .control, .control, .normal, .control])
    #expect(guessed.ends == [2, 4])
    let named = try resolve(tokens) { $0.namedFillInTheMiddle = ["fim_pre", "fim_pad"] }
    #expect(named.kinds == [.normal, .control, .normal, .normal, .control])
    #expect(named.ends == [4])
  }

  @Test func partsOfAnAnswerAreAlwaysParsed() throws {
    let found = try resolve(["<|channel|>", "<|start|>", "<|end|>", "<|return|>", "<|call|>"]) {
      $0.tokenKinds = [3, 3, 3, 3, 3]
    }
    #expect(found.kinds == [.userDefined, .userDefined, .userDefined, .control, .control])
    #expect(found.ends == [3, 4])
    #expect(try resolve(["<|end|>", "<|return|>"]).ends == [0, 1])
    #expect(try resolve(["<|end|>", "<|calls|>", "<|flush|>"]).ends == [1, 2])
  }

  @Test func aTagOfHTMLEndsNothing() throws {
    let gemma4 = try resolve(["</s>", "<|tool_response>"])
    #expect(gemma4.kinds == [.normal, .control] && gemma4.ends == [1])
    let plamo = try resolve(["</s>", "<|plamo:eos|>"]) { $0.end = 1 }
    #expect(plamo.kinds == [.normal, .normal] && plamo.ends == [1])
  }
}
