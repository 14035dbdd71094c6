import Testing

@testable import Tokenization

struct TokenDecoderTests {
  private func decoder(
    _ tokens: [String], _ kinds: [Int], _ kind: TokenizerDescription.Kind = .sentencePiece
  ) throws -> TokenDecoder {
    var description = TokenizerDescription(kind: kind, tokens: tokens)
    description.tokenKinds = kinds
    return try TokenDecoder(description)
  }

  @Test func everyKindOfTokenHasItsText() throws {
    let tokens = ["<unk>", "<s>", "▁a▁", "<0xC3>", "<0xa9>", "▁u▁", "▁n", "<0xZZ>"]
    let decoder = try decoder(tokens, [2, 3, 1, 6, 6, 4, 5, 6])
    let texts = (0..<8).map { String(decoding: decoder.bytes(of: $0), as: UTF8.self) }
    #expect(texts[0] == "<unk>" && texts[1] == "<s>" && texts[2] == " a ")
    #expect(decoder.bytes(of: 3) == [0xc3] && decoder.bytes(of: 4) == [0xa9])
    #expect(texts[5] == "▁u▁" && texts[6] == " n" && texts[7] == "<0xZZ>")
    #expect(decoder.decode([2, 3, 4, 5], skipSpecial: true) == "a é▁u▁")
  }

  @Test func controlUnknownAndUnusedTokensAreLeftOutOnRequest() throws {
    let decoder = try decoder(["<unk>", "<s>", "▁a", "▁n"], [2, 3, 1, 5])
    #expect(decoder.decode([1, 2, 0, 3, 2], skipSpecial: true) == "a a")
    #expect(decoder.decode([1, 2, 0, 3, 2], skipSpecial: false) == "<s>a<unk>n a")
    var stream = StreamingDecoder(decoder)
    #expect([1, 2, 3, 0].map { stream.append($0) } == ["", " a", "", ""])
  }

  @Test func byteTokensOfByteLevelVocabulariesAreBytes() throws {
    let decoder = try decoder(
      ["Ġa", "<0x0A>", "日", "<0x0A>x"], [1, 6, 1, 1], .bytePairEncoding(preTokenizer: "default"))
    #expect(decoder.decode([0, 1, 2, 3], skipSpecial: true) == " a\n日<0x0A>x")
  }

  @Test func spacesBeforePunctuationStay() throws {
    let decoder = try decoder(
      ["Ġ.", "Ġ'", "s"], [1, 1, 1], .bytePairEncoding(preTokenizer: "default"))
    #expect(decoder.decode([0, 1, 2], skipSpecial: true) == " . 's")
  }
}
