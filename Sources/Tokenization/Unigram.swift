/// The unigram tokenizer of T5 and its kin (`tokenizer.ggml.model` "t5"): the tokens whose scores
/// (log probabilities) have the greatest sum.
///
/// Viterbi's algorithm from character to character, as llama.cpp's `llm_tokenizer_ugm_session`:
/// user-defined tokens score 0; a character that no token covers by itself may be unknown, 10 below
/// the worst score; unknown tokens in a row are one. No byte fallback, as there. n characters cost
/// O(n k), k being the bytes of the longest token, and 16 bytes each.
struct Unigram: Sendable {
  private let normalizer: UnigramNormalizer
  private let tokens: ByteTrie
  private let scores: [Float]
  private let unknown: Int32
  private let unknownScore: Double

  init(_ vocabulary: Vocabulary, normalizer: UnigramNormalizer, unknown: Int32) {
    self.normalizer = normalizer
    self.unknown = unknown
    var tokens = ByteTrie()
    var lowest = Float.greatestFiniteMagnitude
    var scores = Array(repeating: Float(0), count: vocabulary.count)
    for id in 0..<Int32(vocabulary.count) {
      switch vocabulary.kind(id) {
      case .normal: lowest = min(lowest, vocabulary.score(id))
      case .userDefined, .unused: break
      default: continue
      }
      if vocabulary.kind(id) != .userDefined { scores[Int(id)] = vocabulary.score(id) }
      if !vocabulary.text(id).isEmpty { tokens.insert(vocabulary.text(id), id) }
    }
    self.tokens = tokens
    self.scores = scores
    unknownScore = Double(lowest - 10)
  }

  /// The best way to the end of some characters: the last token, where it begins, and the sum of
  /// scores.
  private struct Step {
    var token: Int32
    var start: Int32 = 0
    var score = -Double.greatestFiniteMagnitude
  }

  /// Appends the tokens of a text.
  func encode(_ text: Span<UInt8>, into ids: inout [Int32]) {
    let bytes = normalizer.normalize(text)
    guard !bytes.isEmpty else { return }
    var count = 0
    var position = 0
    while position < bytes.count {
      position += Self.length(bytes[position])
      count += 1
    }
    var steps = Array(repeating: Step(token: unknown), count: count + 1)
    steps[0].score = 0
    position = 0
    for index in 0..<count {
      advance(from: index, bytes, at: position, &steps)
      position += Self.length(bytes[position])
    }

    let first = ids.count
    var index = count
    var isUnknown = false
    while true {
      let step = steps[index]
      if !(isUnknown && step.token == unknown) { ids.append(step.token) }
      isUnknown = step.token == unknown
      if step.start == 0 { break }
      index = Int(step.start)
    }
    ids[first...].reverse()
  }

  /// Offers every token that begins at a character to the step where it ends.
  private func advance(
    from index: Int, _ bytes: [UInt8], at start: Int, _ steps: inout [Step]
  ) {
    let score = steps[index].score
    func offer(_ token: Int32, _ tokenScore: Double, to end: Int) {
      if score + tokenScore > steps[end].score {
        steps[end] = Step(token: token, start: Int32(index), score: score + tokenScore)
      }
    }
    var isCovered = false
    var node = ByteTrie.root
    var end = index
    /// Where character `end` is over.
    var boundary = start
    for position in start..<bytes.count {
      if position == boundary {
        boundary += Self.length(bytes[position])
        end += 1
      }
      node = tokens.child(node, bytes[position])
      if node < 0 { break }
      guard position + 1 == boundary || position + 1 == bytes.count else { continue }
      let token = tokens.value(node)
      if token < 0 { continue }
      if end == index + 1 { isCovered = true }
      offer(token, Double(scores[Int(token)]), to: end)
    }
    if !isCovered { offer(unknown, unknownScore, to: index + 1) }
  }

  /// Bytes of a character by its first one; a stray byte is one by itself.
  private static func length(_ lead: UInt8) -> Int {
    switch lead {
    case 0..<0xc0: 1
    case 0xc0..<0xe0: 2
    case 0xe0..<0xf0: 3
    default: 4
    }
  }
}
