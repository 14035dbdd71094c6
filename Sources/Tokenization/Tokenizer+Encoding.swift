/// Text to tokens.
extension Tokenizer {
  /// A piece of a text that is put together from several: what it says, whether control tokens
  /// written in it count as such, which user-defined tokens do not, and a mark that its tokens
  /// carry along.
  struct Run: Equatable, Sendable {
    var text: String
    var parsesSpecial: Bool
    /// User-defined tokens that are plain text here.
    var letters: Set<Int32> = []
    var isTarget = false
  }

  /// The token ids of a text.
  ///
  /// - Parameters:
  ///   - text: any text of at most `longestText` bytes; user-defined tokens in it are always recognised.
  ///   - addBeginning: puts begin-of-text in front if the model wants it (`addsBeginning`) and the
  ///     text does not already begin with it.
  ///   - addEnd: puts end-of-text behind if the model wants it (`addsEnd`), likewise.
  ///   - parseSpecial: whether control tokens written in the text are those tokens; otherwise they
  ///     are plain text.
  public func encode(
    _ text: String, addBeginning: Bool, addEnd: Bool = false, parseSpecial: Bool
  ) -> [Int32] {
    precondition(text.utf8.count <= longestText, "checkLength comes before encode")
    var ids = encode([Run(text: text, parsesSpecial: parseSpecial)]).ids
    if addBeginning, addsBeginning, let beginning, ids.first != beginning {
      ids.insert(beginning, at: 0)
    }
    if addEnd, addsEnd, let end, ids.last != end { ids.append(end) }
    return ids
  }

  /// The tokens of several runs as of one text, but that special tokens are parsed run by run and
  /// no token reaches from a run that is a target into one that is not.
  func encode(_ runs: [Run]) -> (ids: [Int32], isTarget: [Bool]) {
    var bytes: [UInt8] = []
    var fragments: [Fragment] = []
    for run in runs {
      var start = bytes.count
      bytes.append(contentsOf: run.text.utf8)
      // A token at the end of a run takes the white space along with which the next one begins.
      if let token = fragments.last?.token, specialTokens.stripsRight(token) {
        while start < bytes.count, WhitespaceStripping.isSpace(bytes[start]) { start += 1 }
      }
      var parts = specialTokens.partition(
        bytes.span, start..<bytes.count, parseSpecial: run.parsesSpecial, letters: run.letters)
      if run.isTarget {
        for index in parts.indices { parts[index].isTarget = true }
      }
      if fragments.isEmpty {
        // A text of markers has fragments by the hundred thousand: one list of them is enough.
        fragments = parts
        continue
      }
      for part in parts {
        if part.token == nil, let last = fragments.last, last.token == nil,
          last.isTarget == run.isTarget
        {
          fragments[fragments.count - 1].range = last.range.lowerBound..<part.range.upperBound
        } else {
          fragments.append(part)
        }
      }
    }

    var ids: [Int32] = []
    var isTarget: [Bool] = []
    ids.reserveCapacity(bytes.count / 3 + 1)
    var scratch = scratches.take(byteCount: bytes.count)
    var followsSpecial = true
    for fragment in fragments {
      if let token = fragment.token {
        ids.append(token)
      } else {
        append(
          bytes.span.extracting(fragment.range), addsSpacePrefix: followsSpecial, to: &ids,
          scratch: &scratch)
      }
      followsSpecial = fragment.token != nil
      while isTarget.count < ids.count { isTarget.append(fragment.isTarget) }
    }
    scratches.giveBack(scratch, byteCount: bytes.count)
    return (ids, isTarget)
  }

  /// Forgets the words that texts have been made of, and gives their memory back: after many texts.
  public func forgetWords() { scratches.removeAll() }

  /// The most bytes that are tokenized at once: places in a text are 32-bit numbers. What a text may become on the way
  /// counts: a space has three bytes as ▁, and a unigram model's map writes out abbreviations.
  public var longestText: Int {
    let most = Int(Int32.max)
    return switch engine {
    case .bytePairEncoding(let encoding, _): encoding.spelling == .byteLevel ? most : most / 3
    case .sentencePiece: most / 3
    case .unigram: most / 32
    }
  }

  /// Throws `textTooLong` for a text of so many bytes if `encode` cannot take it.
  public func checkLength(_ byteCount: Int) throws(TokenizationError) {
    guard byteCount <= longestText else {
      throw .textTooLong(byteCount: byteCount, most: longestText)
    }
  }

  /// Buffers kept from one fragment to the next, and from one text to the next (`ScratchPool`).
  struct Scratch: Sendable {
    var words: BytePairEncoding.Scratch
    var pieces = SentencePiece.Scratch()
  }

  private func append(
    _ text: Span<UInt8>, addsSpacePrefix: Bool, to ids: inout [Int32],
    scratch: inout Scratch
  ) {
    switch engine {
    case .bytePairEncoding(let encoding, let preTokenizer):
      var cursor = preTokenizer.cursor(count: text.count)
      while let word = preTokenizer.next(text, &cursor) {
        encoding.encode(text.extracting(word), into: &ids, scratch: &scratch.words)
      }
    case .sentencePiece(let pieces, let wantsSpacePrefix):
      pieces.encode(
        text, addsSpacePrefix: addsSpacePrefix && wantsSpacePrefix, into: &ids,
        scratch: &scratch.pieces)
    case .unigram(let unigram): unigram.encode(text, into: &ids)
    }
  }
}
