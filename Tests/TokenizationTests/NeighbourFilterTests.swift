import Testing

@testable import Tokenization

struct NeighbourFilterTests {
  /// A character's bytes as one number.
  private func packed(_ character: Character) -> UInt32 {
    character.utf8.reduce(0) { $0 << 8 | UInt32($1) }
  }

  @Test func joinsWhatStandsSideBySideInAToken() throws {
    let tokens = ["ab", "▁the", "é日😀", "\0a", "zz"]
    let filter = NeighbourFilter(
      try Vocabulary(tokens: tokens, kinds: [1, 1, 4, 1, 3]))
    let pairs: [(Character, Character)] = [
      ("a", "b"), ("▁", "t"), ("t", "h"), ("h", "e"), ("é", "日"), ("日", "😀"), ("\0", "a"),
    ]
    for (left, right) in pairs { #expect(filter.mayJoin(packed(left), packed(right))) }
    for (left, right) in [("b", "a"), ("a", "a"), ("z", "z"), ("e", "\0")]
      as [(Character, Character)]
    {
      #expect(!filter.mayJoin(packed(left), packed(right)))
    }
  }

  @Test func cutsMostPairsOfOtherScripts() throws {
    let filter = NeighbourFilter(try Vocabulary(tokens: ["日本", "▁я"]))
    let characters = (0x4e00..<0x4e40).compactMap { Unicode.Scalar($0).map { Character($0) } }
    let joined = characters.flatMap { left in
      characters.filter { filter.mayJoin(packed(left), packed($0)) }
    }
    #expect(joined.count < characters.count * characters.count / 100)
  }
}
