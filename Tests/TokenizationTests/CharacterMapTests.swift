import TestSupport
import Testing

@testable import Tokenization

struct CharacterMapTests {
  private func replace(_ text: String, _ map: CharacterMap, at start: Int = 0) -> String? {
    let bytes = Array(text.utf8)
    guard let (count, replacement) = map.match(bytes.span, at: start) else { return nil }
    let new = String(decoding: replacement.map { map[$0] }, as: UTF8.self)
    return "\(count)→\(new)"
  }

  @Test func replacesTheLongestSequence() throws {
    let map = try CharacterMap(
      TestCharacterMap.bytes([("e", "E"), ("e\u{301}", "é"), ("ﬁ", "fi"), ("\u{200b}", "")]))
    #expect(replace("ex", map) == "1→E")
    #expect(replace("e\u{301}x", map) == "3→é")
    #expect(replace("xﬁ", map, at: 1) == "3→fi")
    #expect(replace("\u{200b}", map) == "3→")
    #expect(replace("x", map) == nil)
    #expect(replace("\0", map) == nil)
    // The first byte of a sequence is no sequence.
    #expect(replace("\u{ff}", map) == nil)
  }

  @Test func refusesMapsThatReachOutsideThemselves() throws {
    let good = TestCharacterMap.bytes([("a", "b")])
    #expect(
      throws: TokenizationError.malformedCharacterMap(
        "it is shorter than its header of four bytes")
    ) { try CharacterMap([1, 2, 3]) }
    for size in [UInt32(good.count - 4), .max] {
      #expect(throws: TokenizationError.self) {
        try CharacterMap(TestCharacterMap.number(size) + good[4...])
      }
    }
    // The replacement is not ended, or begins behind the end.
    #expect(throws: TokenizationError.self) { try CharacterMap(good.dropLast() + [1]) }
    var far = good
    far[4 + 4 * 512 + 1] = 0xff
    #expect(
      throws: TokenizationError.malformedCharacterMap(
        "a replacement lies outside it or is too long")
    ) { try CharacterMap(far) }
  }

  @Test func refusesSequencesWithoutEnd() throws {
    // The children of "a" become those of the root: "aaa…" would be walked to its end at every a.
    var circle = TestCharacterMap.bytes([("ab", "c")])
    let place = 256 ^ 0x61
    circle.replaceSubrange(
      (4 + 4 * place)..<(8 + 4 * place),
      with: TestCharacterMap.number(0x61 | UInt32(place ^ 256) << 10))
    #expect(throws: TokenizationError.malformedCharacterMap("a sequence has no end")) {
      try CharacterMap(circle)
    }
    func map(_ count: Int) throws -> CharacterMap {
      try CharacterMap(TestCharacterMap.bytes([(String(repeating: "a", count: count), "b")]))
    }
    let long = String(repeating: "a", count: 256)
    #expect(replace(long, try map(256)) == "256→b")
    #expect(throws: TokenizationError.malformedCharacterMap("a sequence has no end")) {
      try map(257)
    }
  }

  @Test func refusesReplacementsThatWouldFillTheMemory() throws {
    func map(_ count: Int) throws -> CharacterMap {
      try CharacterMap(TestCharacterMap.bytes([("a", String(repeating: "b", count: count))]))
    }
    #expect(replace("a", try map(256)) == "1→" + String(repeating: "b", count: 256))
    #expect(throws: TokenizationError.self) { try map(257) }
  }

  @Test func anArrayWithoutNodesMapsNothing() throws {
    let map = try CharacterMap([0, 0, 0, 0, 0])
    #expect(replace("a", map) == nil)
  }

  @Test func survivesDamagedMaps() throws {
    var random = SplitMix64(seed: 3)
    let good = TestCharacterMap.bytes([("a", "b"), ("ab", "c"), ("é", ""), ("日本", "x")])
    let text = Array("abé日本 \u{1}~日".utf8)
    var accepted = 0
    for _ in 0..<300 {
      var bytes = good
      for _ in 0..<(1 + random.next() % 8) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(random.next() & 255)
      }
      if random.next() % 4 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
      guard let map = try? CharacterMap(bytes) else { continue }
      accepted += 1
      for start in text.indices {
        if let (count, replacement) = map.match(text.span, at: start) {
          #expect(count > 0 && start + count <= text.count)
          for index in replacement { _ = map[index] }
        }
      }
    }
    #expect(accepted > 20)
  }
}
