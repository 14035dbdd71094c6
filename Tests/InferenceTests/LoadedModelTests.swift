import Foundation
import ModelFiles
import TestSupport
import Testing
import Tokenization

@testable import Inference

/// What a model file needs for which use.
@Suite
struct LoadedModelTests {
  /// A model with `old` written `new` wherever it stands.
  private func loaded(_ old: String, _ new: String) throws -> LoadedModel {
    var model = SyntheticModel(vocabulary: SyntheticModel.byteVocabulary + 4, contextLength: 64)
    model.tokenizer = .byteLevel
    var bytes = Data(model.bytes())
    var from = bytes.startIndex
    while let range = bytes.range(of: Data(old.utf8), in: from..<bytes.endIndex) {
      bytes.replaceSubrange(range, with: Data(new.utf8))
      from = range.upperBound
    }
    try #require(from > bytes.startIndex && old.utf8.count == new.utf8.count)
    return try LoadedModel(GGUFFile(name: "model.gguf", bytes: [UInt8](bytes)))
  }

  @Test func aKnownTokenizerGoesBothWays() throws {
    let loaded = try loaded("smollm", "smollm")
    let ids = try loaded.tokens(text: "hello")
    #expect(try loaded.decoder.decode(ids, skipSpecial: true) == "hello")
    #expect(try loaded.tokenizer.decode(ids, skipSpecial: true) == "hello")
    #expect(loaded.vocabularySize == 264)
  }

  @Test func anUnknownPreTokenizerLeavesTheWayToText() throws {
    let loaded = try loaded("smollm", "unknwn")
    #expect {
      try loaded.tokens(text: "hello")
    } throws: { error in
      guard case .unsupportedPreTokenizer("unknwn", _)? = error as? TokenizationError else {
        return false
      }
      return true
    }
    #expect(try loaded.decoder.decode([75, 76], skipSpecial: true).count == 2)
    let session = try GenerationSession(loaded, storage: .float32)
    let options = GenerationOptions(maxTokens: 6, ignoresEnd: true)
    let known = try GenerationSession(self.loaded("smollm", "smollm"), storage: .float32)
    let (ids, text) = try session.generate(prompt: [9, 20, 33], options)
    let expected = try known.generate(prompt: [9, 20, 33], options)
    #expect(ids == expected.ids && text == expected.text)
  }

  @Test func withoutATokenizerThereAreLogitsButNoText() throws {
    let loaded = try loaded("tokenizer.ggml", "tokenless.ggml")
    #expect(loaded.vocabularySize == 264)
    #expect(throws: TokenizationError.missingKey("tokenizer.ggml.model")) {
      try loaded.tokenizer
    }
    let session = try GenerationSession(loaded, storage: .float32)
    try session.start(prompt: [9, 20, 33], GenerationOptions(maxTokens: 6))
    #expect(session.logits().array().count == 264)
    #expect(throws: InferenceError.noText(.missingKey("tokenizer.ggml.model"))) {
      try session.next()
    }
  }
}
