import Testing

@testable import Tokenization

struct WhitespaceStrippingTests {
  @Test func knowsTheStrippingTokensByTheNamesOfModels() {
    func of(_ name: String, _ pre: String = "", _ architecture: String = "") -> WhitespaceStripping
    {
      .of(name: name, preTokenizer: pre, architecture: architecture)
    }
    #expect(of("Phi-3.5-mini-instruct") == .phi3)
    #expect(of("Phi3") == .phi3)
    #expect(of("Phi 3 Mini", "default", "phi3") == .none)
    #expect(of("phi-3", "jina-v2-de") == .maskOfJina)
    #expect(of("", "", "nomic-bert-moe") == .maskOfJina)
    #expect(of("modern-bert-base") == .maskOfModernBERT)
  }

  @Test func saysWhichTokensTakeWhichWhiteSpaceAlong() {
    func sides(_ stripping: WhitespaceStripping, _ token: String) -> [Bool] {
      let text = Array(token.utf8)[...]
      return [stripping.left(text), stripping.right(text)]
    }
    #expect(sides(.phi3, "<|end|>") == [false, true])
    #expect(sides(.phi3, "<s>") == [false, false])
    #expect(sides(.maskOfJina, "<mask>") == [true, false])
    #expect(sides(.maskOfModernBERT, "[MASK]") == [true, false])
    #expect(sides(.none, "<|end|>") == [false, false])
  }

  @Test func whiteSpaceIsThatOfASCII() {
    let spaces = (UInt8.min...UInt8.max).filter(WhitespaceStripping.isSpace)
    #expect(spaces == [9, 10, 11, 12, 13, 32])
  }
}
