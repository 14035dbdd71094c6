import Foundation
import ModelFiles
import Testing

@testable import Tokenization

/// Against the ids of other programs, on real files; skipped where those are not.
struct RealModelTests {
  private struct Example: Decodable {
    var text: String
    /// llama.cpp's ids, control tokens parsed.
    var ids: [Int32]
    /// The same, control tokens taken as plain text.
    var plain: [Int32]
  }

  private struct Reference: Decodable { var ids: [Int32] }

  private struct Story: Decodable {
    var ids: [Int32]
    var text: String
  }

  @Test(.enabled(if: TestTokenizers.smolLM2 != nil))
  func smolLM2TokenizesTrickyTextsAsLlamaCppDoes() throws {
    let tokenizer = try TestTokenizers.load(#require(TestTokenizers.smolLM2))
    let examples: [Example] = try TestTokenizers.fixture("smollm2_ids.json")
    #expect(examples.count > 20)
    for example in examples {
      #expect(
        tokenizer.encode(example.text, addBeginning: true, parseSpecial: true) == example.ids)
      #expect(
        tokenizer.encode(example.text, addBeginning: true, parseSpecial: false) == example.plain)
    }
  }

  @Test(
    .enabled(
      if: TestTokenizers.smolLM2 != nil && TestTokenizers.shared("reference/text.txt") != nil))
  func smolLM2TokenizesTheReferenceTextAsLlamaCppDoes() throws {
    let tokenizer = try TestTokenizers.load(#require(TestTokenizers.smolLM2))
    let text = try String(
      contentsOfFile: #require(TestTokenizers.shared("reference/text.txt")), encoding: .utf8)
    let reference = try JSONDecoder().decode(
      Reference.self,
      from: Data(
        contentsOf: URL(
          filePath: #require(TestTokenizers.shared("reference/text_ids.json")))))
    let ids = tokenizer.encode(text, addBeginning: false, parseSpecial: false)
    #expect(reference.ids.count == 37_923)
    #expect(ids == reference.ids)
    #expect(tokenizer.decode(ids, skipSpecial: false) == text)
    var decoder = StreamingDecoder(tokenizer.decoder)
    #expect(ids.map { decoder.append($0) }.joined() + decoder.finish() == text)
  }

  @Test(.enabled(if: TestTokenizers.smolLM2 != nil))
  func smolLM2HasItsTemplateItsEndsAndItsRoundTrips() throws {
    let metadata = try GGUFFile(path: #require(TestTokenizers.smolLM2)).metadata
    let tokenizer = try Tokenizer(metadata)
    #expect(tokenizer.vocabularySize == 49_152)
    #expect(tokenizer.beginning == 1 && tokenizer.end == 2 && tokenizer.endOfTurn == 2)
    #expect(!tokenizer.addsBeginning)
    #expect(tokenizer.endOfGeneration == [0, 2, 4])
    let template = try #require(try ChatTemplate.own(metadata))
    let encoder = ConversationEncoder(template, tokenizer)
    let encoded = try encoder.encode(
      Conversation([ChatMessage(.user, "What's 2 + 2?"), ChatMessage(.assistant, "It is 4.")]))
    #expect(
      encoded.text.hasPrefix(
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"))
    #expect(encoded.ids == tokenizer.encode(encoded.text, addBeginning: true, parseSpecial: true))
    #expect(
      tokenizer.decode(zip(encoded.ids, encoded.isTarget).filter(\.1).map(\.0), skipSpecial: false)
        == "It is 4.<|im_end|>")
    var notices = ConversationNotices()
    notices.add(encoded)
    #expect(notices.sentences.isEmpty)
    for text in TestTokenizers.texts {
      let ids = tokenizer.encode(text, addBeginning: true, parseSpecial: true)
      #expect(tokenizer.decode(ids, skipSpecial: false) == text)
    }
  }

  @Test(.enabled(if: TestTokenizers.shared("models/stories260K.gguf") != nil))
  func storiesTokenizesTrickyTextsAsLlamaCppDoes() throws {
    let tokenizer = try TestTokenizers.load(
      #require(TestTokenizers.shared("models/stories260K.gguf")))
    let examples: [Example] = try TestTokenizers.fixture("stories260k_ids.json")
    #expect(examples.count > 20)
    for example in examples {
      // Begin-of-text is not doubled here; llama.cpp doubles it and warns.
      let expected =
        example.ids.starts(with: [1, 1]) ? Array(example.ids.dropFirst()) : example.ids
      #expect(
        tokenizer.encode(example.text, addBeginning: true, parseSpecial: true) == expected)
      #expect(
        tokenizer.encode(example.text, addBeginning: true, parseSpecial: false) == example.plain)
    }
  }

  @Test(.enabled(if: TestTokenizers.shared("models/stories260K.gguf") != nil))
  func storiesTokenizesItsOwnStoryBack() throws {
    let tokenizer = try TestTokenizers.load(
      #require(TestTokenizers.shared("models/stories260K.gguf")))
    let story = try JSONDecoder().decode(
      Story.self,
      from: Data(
        contentsOf: URL(
          filePath: #require(TestTokenizers.shared("models/stories260K.expected.json")))))
    var decoder = StreamingDecoder(tokenizer.decoder)
    let text = story.ids.map { decoder.append($0) }.joined() + decoder.finish()
    #expect(text == story.text)
    #expect(tokenizer.decode(story.ids, skipSpecial: true) == story.text.dropFirst())
    #expect(tokenizer.addsBeginning && tokenizer.beginning == 1 && tokenizer.end == 2)
    // The model wrote "so she" and stopped inside a word or not: all but the last words tokenize
    // the same.
    let ids = tokenizer.encode(
      String(story.text.dropFirst()), addBeginning: true, parseSpecial: false)
    #expect(ids.prefix(190) == story.ids.prefix(190))
    for text in TestTokenizers.texts {
      let ids = tokenizer.encode(text, addBeginning: true, parseSpecial: false)
      #expect(tokenizer.decode(ids, skipSpecial: true) == text)
    }
  }
}
