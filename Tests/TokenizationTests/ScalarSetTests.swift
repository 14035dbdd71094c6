import Testing

@testable import Tokenization

struct ScalarSetTests {
  @Test func textsNameCharactersAndRanges() {
    #expect(ScalarSet("a-cx").ranges == [0x61...0x63, 0x78...0x78])
    #expect(ScalarSet("-a").ranges == [0x2d...0x2d, 0x61...0x61])
    #expect(ScalarSet("").ranges.isEmpty)
  }

  @Test func touchingRangesBecomeOne() {
    #expect(ScalarSet([5...9, 0...4, 7...12, 20...20]).ranges == [0...12, 20...20])
  }

  @Test func setsAddSubtractAndTurnAround() {
    let set = ScalarSet([10...20])
    #expect((!set).ranges == [0...9, 21...0x10ffff])
    #expect(!(!set) == set)
    #expect((set - ScalarSet([12...14])).ranges == [10...11, 15...20])
    #expect((set + ScalarSet([21...30])).ranges == [10...30])
    #expect((!ScalarSet([])).ranges == [0...0x10ffff])
  }

  /// Every scalar against Swift's own tables, which know at least Unicode 15.1: what is younger is
  /// unassigned here.
  @Test func groupsAreUnicodes() {
    let groups: [(ScalarSet, Set<Character>)] = [
      (.letters, ["L"]), (.marks, ["M"]), (.numbers, ["N"]), (.punctuation, ["P"]),
      (.symbols, ["S"]),
    ]
    var isMember = Array(repeating: Character("C"), count: 0x110000)
    for (set, name) in groups {
      for range in set.ranges { for value in range { isMember[Int(value)] = name.first! } }
    }
    var checked = 0
    var wrong: [UInt32] = []
    for value in UInt32(0)...0x10ffff {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let found = Self.group(scalar.properties.generalCategory)
      let age = scalar.properties.age.map { ($0.major, $0.minor) } ?? (0, 0)
      if age > (15, 1) { continue }
      checked += 1
      if isMember[Int(value)] != found { wrong.append(value) }
    }
    #expect(wrong.isEmpty)
    #expect(checked > 1_000_000)
  }

  private static func group(_ category: Unicode.GeneralCategory) -> Character {
    switch category {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: "L"
    case .nonspacingMark, .spacingMark, .enclosingMark: "M"
    case .decimalNumber, .letterNumber, .otherNumber: "N"
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      "P"
    case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: "S"
    default: "C"
    }
  }

  @Test func whiteSpaceIsUnicodes() {
    for value in UInt32(0)...0x10ffff {
      guard let scalar = Unicode.Scalar(value), scalar.properties.isWhitespace else { continue }
      #expect(ScalarSet.whitespace.ranges.contains { $0.contains(value) })
    }
    #expect(ScalarSet.whitespace.ranges.map(\.count).reduce(0, +) == 25)
  }
}
