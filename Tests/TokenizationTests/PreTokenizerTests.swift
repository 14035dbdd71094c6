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

  private struct Recipes: Decodable {
    struct Recipe: Decodable {
      var names: [String]
      /// For each text the bytes of its words.
      var words: [[Int]]
    }

    var texts: [String]
    var recipes: [Recipe]
  }

  /// Made by `scripts/pretokenizer-splits`. "whitespace" belongs to tokenizers of that model only.
  @Test func splitsAsLlamaCppDoesUnderEveryNameItKnows() throws {
    let expected: Recipes = try TestTokenizers.fixture("pretokenizer_llama.json")
    var names: Set<String> = []
    for recipe in expected.recipes {
      for name in recipe.names where name != "whitespace" {
        names.insert(name)
        let preTokenizer = try PreTokenizer(name)
        for (text, words) in zip(expected.texts, recipe.words) {
          let bytes = Array(text.utf8)
          #expect(
            preTokenizer.split(bytes.span).map(\.count) == words,
            "\(name): \(text.debugDescription)")
        }
      }
    }
    #expect(names.count > 85)
    #expect(Set(PreTokenizer.names) == names.union(["default"]))
  }

  @Test func everyNameSplitsWithoutLoss() throws {
    for name in PreTokenizer.names {
      let preTokenizer = try PreTokenizer(name)
      for text in TestTokenizers.texts {
        let bytes = Array(text.utf8)
        #expect(preTokenizer.split(bytes.span).flatMap { Array($0) } == Array(0..<bytes.count))
      }
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

  @Test func aRunOfDigitsIsGroupedFromTheRight() throws {
    #expect(try split("x1234567 12", "afmoe") == ["x", "1", "234", "567", " ", "12"])
    #expect(try split("1234567a", "superbpe") == ["1", "234", "567", "a"])
  }

  @Test func defaultsGoWithTheName() throws {
    #expect(try PreTokenizer("llama-bpe").addsBeginning)
    #expect(try !PreTokenizer("qwen2").addsBeginning)
    #expect(try PreTokenizer("tekken").takesWholeWords)
    #expect(try !PreTokenizer("gpt-4o").takesWholeWords)
    #expect(try PreTokenizer("gemma4").spelling == .characters)
    #expect(try PreTokenizer("gemma4").alwaysAddsBeginning)
    #expect(try !PreTokenizer("llama-bpe").alwaysAddsBeginning)
    #expect(PreTokenizer.spelling(of: "no such name") == .byteLevel)
  }

  /// Words come one at a time, and each character is looked at a few times only, however long its
  /// run is: with work that grows with the square of the text, these would take minutes.
  @Test(arguments: [
    " ", "\n", " \n", "a", "A", "é", "aA", "7", "日", "\u{301}", "A\u{301}", "'", "-", "😀",
  ])
  func longRunsAreCutInLinearTime(unit: String) throws {
    let bytes = Array(("x" + String(repeating: unit, count: 8000) + "1").utf8)
    for name in Set(PreTokenizer.recipes.map { $0.names[0] }) {
      let preTokenizer = try PreTokenizer(name)
      var cursor = preTokenizer.cursor(count: bytes.count)
      var end = 0
      var isWhole = true
      while let word = preTokenizer.next(bytes.span, &cursor) {
        isWhole = isWhole && word.lowerBound == end && !word.isEmpty
        end = word.upperBound
      }
      #expect(isWhole && end == bytes.count, "\(name)")
    }
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
