import Testing

@testable import Tokenization

struct LongWordTests {
  /// a = 1, aa = 2, aaaa = 3, …: each doubles the one before.
  private func doubling(_ levels: Int32) -> MergeTable {
    var table = MergeTable(capacity: Int(levels))
    for level in 1...levels {
      table.insert(level, level, MergeTable.Merge(rank: UInt32(level), symbol: level + 1))
    }
    return table
  }

  @Test func aRunOfOneLetterHalvesAgainAndAgain() {
    let merges = doubling(20)
    var word = LongWord(Array(repeating: 1, count: 100_000), merges)
    word.merge(merges)
    // 100,000 in binary, the large parts first.
    #expect(Array(word.remaining) == [17, 16, 11, 10, 8, 6].map { Int32($0) })
  }

  @Test func whatNeverMergesStays() {
    let merges = doubling(1)
    var word = LongWord(Array(repeating: 7, count: 1000), merges)
    word.merge(merges)
    #expect(Array(word.remaining) == Array(repeating: 7, count: 1000))
  }
}
