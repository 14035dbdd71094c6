import Testing

@testable import Tokenization

struct RegularExpressionTests {
  private func split(_ text: String, _ pattern: String) throws -> [String] {
    let bytes = Array(text.utf8)
    var pieces: [Range<Int>] = []
    try RegularExpression(pattern).split(bytes.span, [0..<bytes.count], into: &pieces)
    return pieces.map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  @Test func keepsWhatLiesBetweenMatches() throws {
    #expect(try split("ab12cd3", #"\p{N}"#) == ["ab", "1", "2", "cd", "3"])
    #expect(try split("abc", #"\p{N}"#) == ["abc"])
    #expect(try split("", #"\p{N}"#).isEmpty)
    #expect(try split("é٣日", #"\p{N}"#) == ["é", "٣", "日"])
  }

  @Test func matchesEveryFragmentAsAWholeText() throws {
    let bytes = Array("a  b".utf8)
    var pieces: [Range<Int>] = []
    try RegularExpression(#" +(?!\S)"#).split(bytes.span, [0..<3, 3..<4], into: &pieces)
    #expect(pieces == [0..<1, 1..<3, 3..<4])
  }

  @Test func reportsWhereAPatternFails() {
    #expect {
      try RegularExpression("a(b")
    } throws: { error in
      guard case .invalidPattern("a(b", 3, let reason) = error as? TokenizationError else {
        return false
      }
      return reason.contains("parenthesis")
    }
  }
}
