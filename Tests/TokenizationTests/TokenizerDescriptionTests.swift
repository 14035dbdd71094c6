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

  @Test func valuesOfAnotherTypeAreRefusedNotIgnored() throws {
    let wrong: [(String, GGUFValue)] = [
      ("tokens", .array(.int32([1, 2]))), ("merges", .string("a b")), ("pre", .uint32(1)),
      ("token_type", .array(.float32([1, 1, 1]))), ("scores", .array(.string(["0", "0", "0"]))),
      ("add_bos_token", .uint32(1)), ("add_eos_token", .string("true")),
      ("add_space_prefix", .float32(1)), ("model", .uint8(1)),
    ]
    for (name, value) in wrong {
      var file = metadata("gpt2")
      file.set("tokenizer.ggml.merges", .array(.string(["a b"])))
      file.set("tokenizer.ggml.\(name)", value)
      do {
        _ = try TokenizerDescription(file)
        Issue.record("\(name) was taken")
      } catch TokenizationError.wrongType(let key, _) {
        #expect(key == "tokenizer.ggml.\(name)")
      }
    }
    let error = TokenizationError.wrongType(
      key: "tokenizer.ggml.scores", expected: "an array of numbers")
    #expect(
      error.description == "tokenizer.ggml.scores of the model file is not an array of numbers: "
        + "convert the model again")
  }

  @Test func textsOfTheFileAreShownOnOneLineAndCut() {
    let name = "a\n\u{1b}[31m" + String(repeating: "x", count: 1000)
    let errors = [
      TokenizationError.unsupportedModel(name: name, supported: ["llama"]),
      .unsupportedPreTokenizer(name: name, supported: ["gpt-2"]),
      .malformedMerge(index: 0, text: name),
    ]
    for error in errors {
      #expect(error.description.contains("a\\u{a}\\u{1b}[31mx"))
      #expect(error.description.contains("x…") && error.description.count < 200)
    }
    #expect(
      TokenizationError.malformedMerge(index: 0, text: "").description.hasSuffix(": \"\""))
  }

  @Test func otherKindsOfTokenizerAreRefused() {
    #expect(
      throws: TokenizationError.unsupportedModel(
        name: "bert", supported: ["gpt2", "gemma4", "llama", "t5"])
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
    file.set("tokenizer.ggml.pre", .string(""))
    #expect(
      try TokenizerDescription(file).kind == .bytePairEncoding(preTokenizer: "default"))
    file.remove("tokenizer.ggml.pre")
    #expect(
      try TokenizerDescription(file).kind == .bytePairEncoding(preTokenizer: "default"))
  }

  @Test func unigramHasT5sDefaultsAndItsCharacterMap() throws {
    var file = metadata("t5")
    #expect(try TokenizerDescription(file).kind == .unigram)
    let description = try TokenizerDescription(file)
    #expect(description.beginning == nil && description.end == 1 && description.unknown == 2)
    #expect(description.characterMap.isEmpty && !description.mergesSpaces)
    let key = "tokenizer.ggml.precompiled_charsmap"
    file.set("tokenizer.ggml.remove_extra_whitespaces", .bool(true))
    file.set(key, .array(.int8([-1, 127])))
    #expect(try TokenizerDescription(file).characterMap == [255, 127])
    #expect(try TokenizerDescription(file).mergesSpaces)
    file.set(key, .array(.uint8([255, 0])))
    #expect(try TokenizerDescription(file).characterMap == [255, 0])
    for wrong in [GGUFValue.array(.uint8([])), .string("x"), .array(.int32([0, 256]))] {
      file.set(key, wrong)
      #expect(throws: TokenizationError.malformedCharacterMap("it is no array of bytes")) {
        try TokenizerDescription(file)
      }
    }
  }

  @Test func defaultIdentifiersBeyondTheVocabularyCountAsAbsent() throws {
    let two = try TokenizerDescription(metadata("t5", tokens: ["a", "b"]))
    #expect(two.end == 1 && two.unknown == nil)
    let one = try TokenizerDescription(metadata("llama", tokens: ["a"]))
    #expect(one.beginning == nil && one.end == nil && one.unknown == 0)
  }

  @Test func theNameOfPhi3MakesItsTokensTakeWhiteSpaceAlong() throws {
    var file = metadata("llama", tokens: ["<unk>", "<s>", "</s>", "<|user|>", "▁", "a"])
    file.set("tokenizer.ggml.token_type", .array(.int32([2, 3, 3, 3, 1, 1])))
    func ids(_ text: String) throws -> [Int32] {
      try Tokenizer(file).encode(text, addBeginning: false, parseSpecial: true)
    }
    #expect(try ids("<|user|> a") == [3, 4, 4, 5])
    file.set("general.name", .string("Phi-3.5 mini"))
    #expect(try ids("<|user|> a") == [3, 4, 5])
    #expect(try ids("<s> a") == [1, 4, 4, 5])
  }
}
