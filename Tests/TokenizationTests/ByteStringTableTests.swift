import Testing

@testable import Tokenization

struct ByteStringTableTests {
  private func find(_ table: ByteStringTable, _ text: String) -> Int? {
    let bytes = Array(text.utf8)
    return table.find(bytes.span)
  }

  @Test func findsEveryEntryAfterGrowing() {
    var table = ByteStringTable()
    for number in 0..<5000 {
      let bytes = Array("key\(number)".utf8)
      #expect(table.append(bytes.span) == number)
    }
    for number in 0..<5000 { #expect(find(table, "key\(number)") == number) }
    #expect(find(table, "key5000") == nil)
    #expect(find(table, "") == nil)
    #expect(Array(table[4711]) == Array("key4711".utf8))
  }

  @Test func tellsCanonicallyEquivalentStringsApart() {
    var table = ByteStringTable()
    let composed = Array("\u{e9}".utf8)
    let decomposed = Array("e\u{301}".utf8)
    table.append(composed.span)
    #expect(table.find(decomposed.span) == nil)
  }

  @Test func findsTheNewestOfTwoEqualEntriesEvenAfterGrowing() {
    var table = ByteStringTable()
    let twice = Array("twice".utf8)
    table.append(twice.span)
    #expect(table.append(twice.span) == 1)
    #expect(table.find(twice.span) == 1)
    for number in 0..<100 {
      let bytes = Array("\(number)".utf8)
      table.append(bytes.span)
    }
    #expect(table.find(twice.span) == 1)
    #expect(table.intern(twice.span) == 1)
    #expect(table.count == 102)
  }
}
