/// Finds control, unknown and user-defined tokens written out in a text.
///
/// As llama.cpp does: for every token, the longest first (of equally long ones the lowest id
/// first), every place in what text is left is cut out, from left to right; user-defined tokens
/// always, the others only when asked. Where `WhitespaceStripping` says so, the white space beside
/// a token goes with it.
///
/// A text of n bytes costs O(n log k), k being the bytes of the longest token. An automaton (Aho
/// and Corasick 1975) that reads from right to left gives the longest token that begins at each
/// byte; `OverlappingTokens` chooses where these overlap.
struct SpecialTokens: Sendable {
  /// A special token; they are kept in the order in which they are cut out, which is their rank.
  struct Entry: Sendable {
    var id: Int32
    var count: Int32
    /// The longest other token that this one begins with, or -1.
    var shorter: Int32 = -1
    var isAlwaysParsed: Bool
    var stripsLeft: Bool
    var stripsRight: Bool
  }

  /// Which tokens are looked for in a text.
  struct Selection: Sendable {
    /// Whether control and unknown tokens count; user-defined ones always do.
    var parsesSpecial: Bool
    /// Tokens that are plain text all the same.
    var letters: Set<Int32> = []

    func contains(_ entry: Entry) -> Bool {
      (parsesSpecial || entry.isAlwaysParsed) && (letters.isEmpty || !letters.contains(entry.id))
    }
  }

  private(set) var entries: [Entry] = []
  /// The tokens spelled backwards.
  private var trie = ByteTrie()
  /// The node of the longest proper suffix of what each node spells.
  private var suffix: [Int32] = [0]
  /// The longest token that ends what each node spells, or -1.
  private var longest: [Int32] = [-1]
  private let hasAlwaysParsed: Bool
  /// Whether any token takes white space along.
  let stripsAny: Bool
  private var strippingRight: Set<Int32> = []

  init(_ vocabulary: Vocabulary, stripping: WhitespaceStripping = .none) {
    var ids: [Int32] = []
    for id in 0..<Int32(vocabulary.count) {
      let kind = vocabulary.kind(id)
      guard kind == .control || kind == .unknown || kind == .userDefined else { continue }
      if !vocabulary.text(id).isEmpty { ids.append(id) }
    }
    ids.sort {
      let (left, right) = (vocabulary.text($0).count, vocabulary.text($1).count)
      return left != right ? left > right : $0 < $1
    }
    var nodes: [Int32] = []
    for id in ids {
      let text = vocabulary.text(id)
      let rank = Int32(entries.count)
      entries.append(
        Entry(
          id: id, count: Int32(text.count), isAlwaysParsed: vocabulary.kind(id) == .userDefined,
          stripsLeft: stripping.left(text), stripsRight: stripping.right(text)))
      nodes.append(trie.insert(text.reversed(), rank))
    }
    hasAlwaysParsed = entries.contains { $0.isAlwaysParsed }
    stripsAny = entries.contains { $0.stripsLeft || $0.stripsRight }
    strippingRight = Set(entries.lazy.filter(\.stripsRight).map(\.id))
    link(vocabulary)
    for (rank, node) in nodes.enumerated() where trie.value(node) == rank {
      entries[rank].shorter = longest[Int(suffix[Int(node)])]
    }
  }

  /// Fills in `suffix` and `longest`, shallow nodes before deep ones: all tokens advance by one
  /// byte a round.
  private mutating func link(_ vocabulary: Vocabulary) {
    suffix = Array(repeating: ByteTrie.root, count: trie.count)
    longest = (0..<Int32(trie.count)).map { trie.value($0) }
    var isLinked = Array(repeating: false, count: trie.count)
    isLinked[0] = true
    var places = Array(repeating: ByteTrie.root, count: entries.count)
    var active = Array(entries.indices)
    var depth = 0
    while !active.isEmpty {
      active.removeAll { entries[$0].count <= depth }
      for rank in active {
        let text = vocabulary.text(entries[rank].id)
        let byte = text[text.endIndex - 1 - depth]
        let parent = places[rank]
        let node = trie.child(parent, byte)
        places[rank] = node
        if isLinked[Int(node)] { continue }
        isLinked[Int(node)] = true
        if parent != ByteTrie.root { suffix[Int(node)] = next(suffix[Int(parent)], byte) }
        if longest[Int(node)] < 0 { longest[Int(node)] = longest[Int(suffix[Int(node)])] }
      }
      depth += 1
    }
  }

  /// The node of the longest suffix of what `node` spells and `byte` that is in the tree.
  private func next(_ node: Int32, _ byte: UInt8) -> Int32 {
    var node = node
    while true {
      let child = trie.child(node, byte)
      if child >= 0 { return child }
      if node == ByteTrie.root { return node }
      node = suffix[Int(node)]
    }
  }

  /// The first of a token and the ever shorter ones it begins with that is parsed and no longer
  /// than `room`, or -1.
  func fitting(_ rank: Int32, room: Int, _ selection: Selection) -> Int32 {
    var rank = rank
    while rank >= 0 {
      let entry = entries[Int(rank)]
      if entry.count <= room, selection.contains(entry) { return rank }
      rank = entry.shorter
    }
    return -1
  }

  /// Whether a token takes the white space after it along.
  func stripsRight(_ id: Int32) -> Bool { strippingRight.contains(id) }

  /// Splits `range` of a text; the fragments cover it without gap, but for white space that goes
  /// with a token, and none is empty.
  ///
  /// - Parameter letters: tokens that are plain text here.
  func partition(
    _ bytes: Span<UInt8>, _ range: Range<Int>, parseSpecial: Bool, letters: Set<Int32> = []
  ) -> [Fragment] {
    guard !range.isEmpty else { return [] }
    guard parseSpecial ? !entries.isEmpty : hasAlwaysParsed else {
      return [Fragment(range: range, token: nil)]
    }
    var fragments = FragmentList(range)
    let selection = Selection(parsesSpecial: parseSpecial, letters: letters)
    var group = OverlappingTokens(self, in: range, selection)
    for found in occurrences(bytes, range, selection).reversed() {
      let start = range.lowerBound + Int(found >> 32)
      if !group.reaches(start, bytes) {
        group.choose(bytes, into: &fragments)
      }
      group.append(start, Int32(found & 0xffff_ffff))
    }
    group.choose(bytes, into: &fragments)
    return fragments.finish()
  }

  /// The longest token that begins at each byte where one begins, from right to left: the byte,
  /// counted from the beginning of the range, in the upper half of a number, and the rank in the
  /// lower.
  private func occurrences(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ selection: Selection
  ) -> [UInt64] {
    var found: [UInt64] = []
    var node = ByteTrie.root
    for start in range.reversed() {
      node = next(node, bytes[start])
      let rank = fitting(longest[Int(node)], room: .max, selection)
      if rank >= 0 {
        found.append(UInt64(UInt32(start - range.lowerBound)) << 32 | UInt64(rank))
      }
    }
    return found
  }
}
