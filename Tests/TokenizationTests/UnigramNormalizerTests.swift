import Testing

@testable import Tokenization

struct UnigramNormalizerTests {
  private func normalize(
    _ text: [UInt8], addsSpacePrefix: Bool = false, mergesSpaces: Bool = false,
    userDefined: [String] = []
  ) throws -> String {
    let vocabulary = try Vocabulary(
      tokens: ["x"] + userDefined, kinds: [1] + userDefined.map { _ in 4 })
    let map = try CharacterMap(
      TestCharacterMap.bytes([("ﬁ", "fi"), ("\t", " "), ("\u{200b}", ""), ("A", "a")]))
    let normalizer = UnigramNormalizer(
      vocabulary, map: map, addsSpacePrefix: addsSpacePrefix, mergesSpaces: mergesSpaces)
    return String(decoding: normalizer.normalize(text.span), as: UTF8.self)
  }

  private func normalize(
    _ text: String, addsSpacePrefix: Bool = false, mergesSpaces: Bool = false,
    userDefined: [String] = []
  ) throws -> String {
    try normalize(
      Array(text.utf8), addsSpacePrefix: addsSpacePrefix, mergesSpaces: mergesSpaces,
      userDefined: userDefined)
  }

  @Test func replacesCharactersAndWritesSpacesAsMarks() throws {
    #expect(try normalize("ﬁ \tA\u{200b}é😀") == "fi▁▁aé😀")
  }

  @Test func putsASpaceBeforeTheFirstWordOrMergesAll() throws {
    #expect(try normalize("  a b ", addsSpacePrefix: true) == "▁▁▁a▁b▁")
    #expect(try normalize("  a \t b ", mergesSpaces: true) == "▁a▁b")
    #expect(try normalize("a", addsSpacePrefix: true, mergesSpaces: true) == "▁a")
    for text in ["", " ", "\u{200b}"] {
      #expect(try normalize(text, addsSpacePrefix: true, mergesSpaces: true) == "")
    }
  }

  @Test func leavesUserDefinedTokensAndTheirBeginningsAlone() throws {
    #expect(try normalize("AAB A AC", userDefined: ["AB"]) == "AAB▁A▁AC")
    #expect(try normalize("BA", userDefined: ["AB"]) == "BA")
    #expect(try normalize("A", userDefined: ["xA"]) == "a")
  }

  @Test func bytesThatAreNoCharacterAreReplaced() throws {
    #expect(
      try normalize([0x61, 0xa9, 0xc3, 0x62, 0xf0, 0x9f]) == "a\u{fffd}\u{fffd}b\u{fffd}\u{fffd}")
    // The beginning of a user-defined token may be part of a character: é and è share a byte.
    #expect(try normalize("è", userDefined: ["é"]) == "\u{fffd}\u{fffd}")
  }
}
