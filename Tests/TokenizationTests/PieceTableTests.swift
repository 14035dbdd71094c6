import Testing

@testable import Tokenization

struct PieceTableTests {
  private func hash(_ text: String) -> PieceTable.Hash {
    var hash = PieceTable.Hash()
    for byte in text.utf8 { hash.append(byte) }
    return hash
  }

  private func joined(_ table: PieceTable, _ left: String, _ right: String) -> Int32 {
    let text = Array((left + right).utf8)
    return table.joined(hash(left), hash(right), text.span)
  }

  @Test func findsWhatTwoNeighboursMakeByTheirHashes() throws {
    let tokens = (0..<2000).map { "\($0)x" } + ["é", "a", "aa"]
    let table = PieceTable(try Vocabulary(tokens: tokens))
    for id in 0..<2000 {
      let text = Array(tokens[id])
      for cut in 0...text.count {
        #expect(joined(table, String(text[..<cut]), String(text[cut...])) == id)
      }
    }
    #expect(joined(table, "a", "a") == 2002)
    #expect(joined(table, "a", "b") == -1)
    #expect(joined(table, "199", "9") == -1)
    #expect(joined(table, String(repeating: "a", count: 1000), "a") == -1)
  }

  @Test func findsCharactersButNoControlTokens() throws {
    let vocabulary = try Vocabulary(tokens: ["a", "é", "b", "", "é"], kinds: [1, 1, 3, 1, 1])
    let table = PieceTable(vocabulary)
    let found = ["a", "é", "b", "c", "日"].map { text in
      let bytes = Array(text.utf8)
      return table.character(bytes.span)
    }
    #expect(found == [0, 4, -1, -1, -1])
    #expect(joined(table, "", "b") == -1)
  }

  @Test func textsOfEqualHashAreToldApart() throws {
    // Thue and Morse: modulo 2⁶⁴ no polynomial hash tells these two apart, whatever its base.
    var (left, right) = ("a", "b")
    for _ in 0..<11 { (left, right) = (left + right, right + left) }
    let table = PieceTable(try Vocabulary(tokens: [left, right]))
    #expect(hash(left).value == hash(right).value)
    #expect(joined(table, left, "") == 0)
    #expect(joined(table, right, "") == 1)
  }
}
