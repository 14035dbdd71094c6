import Testing

@testable import Tokenization

struct PreTokenizerTests {
  private struct Example: Decodable {
    var text: String
    var words: [String]
  }

  private func split(_ text: String, _ name: String) throws -> [String] {
    let bytes = Array(text.utf8)
    return try PreTokenizer(name).split(bytes.span).map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
  }

  /// Expected words by Hugging Face's tokenizers from the models' original patterns (Oniguruma).
  @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2"])
  func splitsAsAnIndependentImplementationDoes(name: String) throws {
    let examples: [String: [Example]] = try TestTokenizers.fixture("pretokenizer_splits.json")
    let mine = try #require(examples[name])
    #expect(mine.count > 20)
    for example in mine { #expect(try split(example.text, name) == example.words) }
  }

  @Test func everyNameSplitsWithoutLoss() throws {
    for name in PreTokenizer.names {
      for text in TestTokenizers.texts { #expect(try split(text, name).joined() == text) }
    }
  }

  @Test func digitsAreCutAsEachModelCutsThem() throws {
    #expect(try split("a 12345", "smollm") == ["a", " ", "1", "2", "3", "4", "5"])
    #expect(try split("a 12345", "gpt-2") == ["a", " 12345"])
    #expect(try split("a 12345", "llama-bpe") == ["a", " ", "123", "45"])
    #expect(try split("a 12345", "qwen2") == ["a", " ", "1", "2", "3", "4", "5"])
  }

  @Test func mongolianVowelSeparatorIsNoSpace() throws {
    #expect(try split("a \u{180e}b", "gpt-2") == ["a", " \u{180e}", "b"])
  }

  @Test func anUnknownNameIsAnErrorThatNamesTheKnownOnes() {
    #expect(
      throws: TokenizationError.unsupportedPreTokenizer(
        name: "tekken2", supported: PreTokenizer.names)
    ) { try PreTokenizer("tekken2") }
    #expect(
      TokenizationError.unsupportedPreTokenizer(name: "x", supported: PreTokenizer.names)
        .description.contains("smollm"))
  }
}
