import Testing

@testable import Tokenization

struct MergeTableTests {
  @Test func findsWhatWasInsertedAndNothingElse() {
    var table = MergeTable(capacity: 1000)
    for number in 0..<Int32(1000) {
      table.insert(
        number, number * 3, MergeTable.Merge(rank: UInt32(number), symbol: number + 7))
    }
    for number in 0..<Int32(1000) {
      #expect(table.find(number, number * 3).symbol == number + 7)
      #expect(table.find(number, number * 3 + 1).rank == .max)
    }
  }

  @Test func keepsTheFirstMergeOfAPair() {
    var table = MergeTable(capacity: 2)
    table.insert(1, 2, MergeTable.Merge(rank: 0, symbol: 3))
    table.insert(1, 2, MergeTable.Merge(rank: 1, symbol: 4))
    #expect(table.find(1, 2).symbol == 3)
  }
}
