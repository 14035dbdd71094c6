import Foundation
import Testing

@testable import Tokenization

struct BytePairEncodingTests {
  private func encode(
    _ word: String, merges: [String], extra: [String] = [], takesWholeWords: Bool = false
  ) throws -> [String] {
    let description = TestTokenizers.bytePairs(merges: merges, extra: extra)
    let vocabulary = try Vocabulary(
      tokens: description.tokens, kinds: description.tokenKinds)
    let encoding = try BytePairEncoding(
      vocabulary, merges: merges, takesWholeWords: takesWholeWords)
    var ids: [Int32] = []
    let bytes = Array(word.utf8)
    var scratch = BytePairEncoding.Scratch(byteCount: bytes.count)
    encoding.encode(bytes.span, into: &ids, scratch: &scratch)
    return ids.map { description.tokens[Int($0)] }
  }

  @Test func mergesTheLowestRankFirstAndThenTheLeftmost() throws {
    #expect(try encode("abc", merges: ["b c", "a b"]) == ["a", "bc"])
    #expect(try encode("abc", merges: ["a b", "b c"]) == ["ab", "c"])
    #expect(try encode("aaa", merges: ["a a"]) == ["aa", "a"])
    #expect(try encode("hello", merges: ["l l", "h e", "he ll", "hell o"]) == ["hello"])
    #expect(try encode(" hi", merges: ["Ġ h"]) == ["Ġh", "i"])
  }

  @Test func mergesThroughWhatIsNoToken() throws {
    // "ab" is no token: on the way to "abc" it serves, left over it is written in bytes.
    let description = TestTokenizers.bytePairs(merges: [], extra: ["abc"])
    let vocabulary = try Vocabulary(tokens: description.tokens, kinds: description.tokenKinds)
    let encoding = try BytePairEncoding(
      vocabulary, merges: ["a b", "ab c"], takesWholeWords: false)
    var ids: [Int32] = []
    let bytes = Array("abcab".utf8)
    var scratch = BytePairEncoding.Scratch(byteCount: bytes.count)
    encoding.encode(bytes.span, into: &ids, scratch: &scratch)
    #expect(ids == [256, 97, 98])
  }

  @Test func takesWordsThatAreTokensWholeOnlyWhenAsked() throws {
    #expect(try encode("xyz", merges: [], extra: ["xyz"]) == ["x", "y", "z"])
    #expect(try encode("xyz", merges: [], extra: ["xyz"], takesWholeWords: true) == ["xyz"])
  }

  /// The definition, word by word: the oracle of both ways of merging.
  private func naive(_ word: String, _ merges: [String]) -> [String] {
    var symbols = word.utf8.map { TestTokenizers.character(of: $0) }
    while true {
      var best: (rank: Int, position: Int)?
      for position in symbols.indices.dropLast() {
        let pair = symbols[position] + " " + symbols[position + 1]
        if let rank = merges.firstIndex(of: pair), rank < best?.rank ?? .max {
          best = (rank, position)
        }
      }
      guard let best else { return symbols }
      symbols[best.position] += symbols.remove(at: best.position + 1)
    }
  }

  @Test func longAndShortWordsMergeAsTheDefinitionSays() throws {
    let merges = [
      "a b", "b a", "ab a", "a a", "aa b", "b b", "aba ab", "ab ab", "abab bb", "aa aa",
    ]
    var state: UInt32 = 1
    for count in [1, 2, 3, 10, 39, 40, 41, 42, 100, 333] {
      let word = String(
        (0..<count).map { _ -> Character in
          state = state &* 1_664_525 &+ 1_013_904_223
          return state >> 31 == 0 ? "a" : "b"
        })
      #expect(try encode(word, merges: merges) == naive(word, merges))
    }
  }

  @Test func refusesAMergeWithoutASpace() {
    #expect(throws: TokenizationError.malformedMerge(index: 1, text: "ab")) {
      try encode("a", merges: ["a b", "ab"])
    }
    #expect(throws: TokenizationError.malformedMerge(index: 0, text: "")) {
      try encode("a", merges: [""])
    }
  }

  // MARK: - Over characters

  /// Gemma 4's kind: ▁ for the space, bytes for what is no token.
  private func encodeCharacters(_ word: String, merges: [String]) throws -> [String] {
    let letters = ["▁", "a", "b", "é", "\n", "\n\n", "日"]
    let tokens =
      (0..<256).map { String(format: "<0x%02X>", $0) } + letters
      + merges.map { $0.replacing(" ", with: "") }
    let vocabulary = try Vocabulary(
      tokens: tokens, kinds: (0..<256).map { _ in 6 } + tokens.dropFirst(256).map { _ in 1 })
    let encoding = try BytePairEncoding(
      vocabulary, merges: merges, spelling: .characters, takesWholeNewlines: true)
    var ids: [Int32] = []
    let bytes = Array(word.utf8)
    var scratch = BytePairEncoding.Scratch(byteCount: bytes.count)
    encoding.encode(bytes.span, into: &ids, scratch: &scratch)
    return ids.map { tokens[Int($0)] }
  }

  @Test func charactersMergeAndOthersAreWrittenInBytes() throws {
    #expect(try encodeCharacters(" ab", merges: ["▁ a", "▁a b"]) == ["▁ab"])
    #expect(try encodeCharacters("▁ab", merges: ["▁ a", "▁a b"]) == ["▁ab"])
    #expect(try encodeCharacters("é日aé", merges: ["a é"]) == ["é", "日", "aé"])
    #expect(try encodeCharacters("aüb", merges: []) == ["a", "<0xC3>", "<0xBC>", "b"])
    #expect(try encodeCharacters("\n\n", merges: []) == ["\n\n"])
    #expect(try encodeCharacters("\n\n\n", merges: []) == ["\n", "\n", "\n"])
  }

  @Test func spacesThatMergesCrossKeepTheirWordsTogether() throws {
    #expect(try encodeCharacters("a b", merges: ["a ▁", "a▁ b"]) == ["a▁b"])
    #expect(try encodeCharacters("a b", merges: ["b ▁", "▁ b"]) == ["a", "▁b"])
    #expect(
      try encodeCharacters("b b  a", merges: ["b ▁", "▁ ▁", "▁ b"]) == ["b▁", "b▁", "▁", "a"])
    #expect(try encodeCharacters("é é", merges: ["é ▁", "▁ é"]) == ["é▁", "é"])
  }

  // MARK: - Memory of words

  @Test func wordsMetBeforeAreTheSameAgain() throws {
    let merges = ["a b", "ab c", "c a"]
    let description = TestTokenizers.bytePairs(merges: merges)
    let vocabulary = try Vocabulary(tokens: description.tokens, kinds: description.tokenKinds)
    let encoding = try BytePairEncoding(vocabulary, merges: merges)
    // More words than there are slots.
    var scratch = BytePairEncoding.Scratch(byteCount: 64)
    var state: UInt32 = 7
    for _ in 0..<2000 {
      state = state &* 1_664_525 &+ 1_013_904_223
      let word = String(
        (0..<(1 + state >> 28)).map { Character(["a", "b", "c"][Int(state >> ($0 + 3)) % 3]) })
      var known: [Int32] = []
      var fresh: [Int32] = []
      let bytes = Array(word.utf8)
      encoding.encode(bytes.span, into: &known, scratch: &scratch)
      var empty = BytePairEncoding.Scratch(byteCount: 0)
      encoding.encode(bytes.span, into: &fresh, scratch: &empty)
      #expect(known == fresh, "\(word)")
    }
  }
}
