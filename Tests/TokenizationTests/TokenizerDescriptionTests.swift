import ModelFiles
import Testing

@testable import Tokenization

struct TokenizerDescriptionTests {
  private func metadata(_ model: String, tokens: [String] = ["a", "b", "c"]) -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata.set("tokenizer.ggml.model", .string(model))
    metadata.set("tokenizer.ggml.tokens", .array(.string(tokens)))
    return metadata
  }

  @Test func missingKeysAreNamed() {
    #expect(throws: TokenizationError.missingKey("tokenizer.ggml.model")) {
      try Tokenizer(GGUFMetadata())
    }
    #expect(throws: TokenizationError.missingKey("tokenizer.ggml.merges")) {
      try Tokenizer(metadata("gpt2"))
    }
    var empty = metadata("llama")
    empty.remove("tokenizer.ggml.tokens")
    #expect(throws: TokenizationError.missingKey("tokenizer.ggml.tokens")) {
      try Tokenizer(empty)
    }
  }

  @Test func otherKindsOfTokenizerAreRefused() {
    #expect(
      throws: TokenizationError.unsupportedModel(
        name: "bert", supported: ["gpt2", "gemma4", "llama"])
    ) { try Tokenizer(metadata("bert")) }
  }

  @Test func sentencePieceHasLlamasDefaults() throws {
    let description = try TokenizerDescription(metadata("llama"))
    #expect(description.beginning == 1 && description.end == 2 && description.unknown == 0)
    let tokenizer = try Tokenizer(metadata("llama"))
    #expect(tokenizer.addsBeginning && !tokenizer.addsEnd)
  }

  @Test func identifiersOutsideTheVocabularyCountAsAbsent() throws {
    var file = metadata("llama")
    file.set("tokenizer.ggml.eot_token_id", .uint32(UInt32.max))
    file.set("tokenizer.ggml.bos_token_id", .uint32(0))
    file.set("tokenizer.ggml.add_eos_token", .bool(true))
    let description = try TokenizerDescription(file)
    #expect(description.endOfTurn == nil)
    #expect(description.beginning == 0)
    #expect(description.addsEnd == true)
  }

  @Test func byteEncodingReadsItsMergesAndItsPreTokenizer() throws {
    var file = metadata("gpt2", tokens: ["a", "b", "ab"])
    file.set("tokenizer.ggml.merges", .array(.string(["a b"])))
    file.set("tokenizer.ggml.pre", .string("smollm"))
    let description = try TokenizerDescription(file)
    #expect(description.kind == .bytePairEncoding(preTokenizer: "smollm"))
    #expect(try Tokenizer(file).encode("abb", addBeginning: true, parseSpecial: true) == [2, 1])
    file.remove("tokenizer.ggml.pre")
    #expect(
      try TokenizerDescription(file).kind == .bytePairEncoding(preTokenizer: "default"))
  }
}
