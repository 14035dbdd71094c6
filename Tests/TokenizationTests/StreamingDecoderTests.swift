import Testing

@testable import Tokenization

struct StreamingDecoderTests {
  private let tokenizer: Tokenizer

  init() throws { tokenizer = try Tokenizer(TestTokenizers.bytePairs()) }

  @Test func everySplitOfATextGivesTheTextAndNeverHalfACharacter() {
    for text in TestTokenizers.texts where text.utf8.count < 100 {
      let bytes = Array(text.utf8)
      for first in 0...bytes.count {
        for second in first...bytes.count {
          var decoder = StreamingDecoder(tokenizer.decoder)
          let parts = [
            decoder.append(bytes: Array(bytes[..<first])),
            decoder.append(bytes: Array(bytes[first..<second])),
            decoder.append(bytes: Array(bytes[second...])), decoder.finish(),
          ]
          #expect(parts.joined() == text)
          #expect(!parts.contains { $0.contains("\u{fffd}") })
        }
      }
    }
  }

  @Test func invalidBytesBecomeReplacementCharactersAsInTheWhole() {
    var state: UInt32 = 7
    let leads: [UInt8] = [
      0x41, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xe2, 0xed, 0xa0, 0xf0, 0x9f, 0x90, 0xf4, 0xf5,
    ]
    for _ in 0..<2000 {
      let bytes = (0..<8).map { _ -> UInt8 in
        state = state &* 1_664_525 &+ 1_013_904_223
        return leads[Int(state >> 8) % leads.count]
      }
      var decoder = StreamingDecoder(tokenizer.decoder)
      var text = ""
      for byte in bytes { text += decoder.append(Int32(byte)) }
      text += decoder.finish()
      #expect(text == String(decoding: bytes, as: UTF8.self))
    }
  }

  @Test func waitsForTheRestOfACharacterAndNoLonger() {
    var decoder = StreamingDecoder(tokenizer.decoder)
    #expect(decoder.append(0xf0) == "")
    #expect(decoder.append(0x9f) == "")
    #expect(decoder.append(0x98) == "")
    #expect(decoder.append(0x80) == "😀")
    #expect(decoder.append(0xc3) == "")
    #expect(decoder.append(0x41) == "\u{fffd}A")
    #expect(decoder.append(0xe0) == "")
    #expect(decoder.append(0x80) == "\u{fffd}\u{fffd}")
    #expect(decoder.append(0xe2) == "")
    #expect(decoder.finish() == "\u{fffd}")
    #expect(decoder.finish() == "")
  }

  @Test func namesControlTokensOnlyWhenAsked() {
    var decoder = StreamingDecoder(tokenizer.decoder)
    #expect(decoder.append(264) == "")
    #expect(decoder.append(265) == "<tool>")
    var verbose = StreamingDecoder(tokenizer.decoder, skipSpecial: false)
    #expect(verbose.append(264) == "<|im_end|>")
  }

  @Test func keepsTheLeadingSpaceOfAContinuation() throws {
    let pieces = try Tokenizer(TestTokenizers.sentencePieces(["▁a"]))
    var decoder = StreamingDecoder(pieces.decoder)
    #expect(decoder.append(259) == " a")
    #expect(pieces.decode([259], skipSpecial: true) == "a")
  }
}
