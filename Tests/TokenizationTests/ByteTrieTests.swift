import Testing

@testable import Tokenization

struct ByteTrieTests {
  private func walk(_ trie: ByteTrie, _ text: String) -> Int32 {
    var node = ByteTrie.root
    for byte in text.utf8 where node >= 0 { node = trie.child(node, byte) }
    return node
  }

  @Test func findsStringsByTheirBytes() {
    var trie = ByteTrie()
    let strings = (0..<3000).map { String($0 * 7919 % 100_003) }
    for (index, string) in strings.enumerated() { trie.insert(string.utf8, Int32(index)) }
    for (index, string) in strings.enumerated() {
      #expect(trie.value(walk(trie, string)) == Int32(index))
    }
    #expect(walk(trie, "x") == -1)
    #expect(walk(trie, "1234567") == -1)
  }

  @Test func aPrefixIsANodeWithoutANumber() {
    var trie = ByteTrie()
    trie.insert("abc".utf8, 5)
    #expect(trie.count == 4)
    #expect(trie.value(walk(trie, "ab")) == -1)
    trie.insert("abc".utf8, 6)
    #expect(trie.count == 4 && trie.value(walk(trie, "abc")) == 6)
    trie.insert("".utf8, 1)
    #expect(trie.value(ByteTrie.root) == 1)
  }
}
