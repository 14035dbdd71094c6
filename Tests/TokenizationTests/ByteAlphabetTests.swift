import Testing

@testable import Tokenization

struct ByteAlphabetTests {
  private func decode(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = [1]
    let isInside = ByteAlphabet().decode(text.utf8, into: &bytes)
    #expect(bytes.first == 1)
    if !isInside { #expect(bytes.count == 1) }
    return isInside ? Array(bytes.dropFirst()) : nil
  }

  @Test func everyByteHasItsCharacter() {
    for byte in UInt8.min...UInt8.max {
      #expect(decode(TestTokenizers.character(of: byte)) == [byte])
    }
    #expect(decode("ĠHiĊ") == Array(" Hi\n".utf8))
    #expect(decode("Ã©") == Array("é".utf8))
    #expect(decode("") == [])
  }

  @Test func refusesCharactersOutsideTheAlphabet() {
    for text in ["a b", "\n", "\u{ad}", "\u{144}", "｜", "😀", "a｜b"] { #expect(decode(text) == nil) }
  }
}
