internal import Synchronization

/// What tokenizing keeps from one text to the next: buffers, and the words that were met, of which the next text mostly consists.
///
/// A set for each text that is tokenized at the same time. Results do not depend on what is kept.
final class ScratchPool: Sendable {
  private let free = Mutex<[Tokenizer.Scratch]>([])

  /// Buffers that grew with a text of more bytes are not kept.
  private static let longestText = 1 << 20

  /// A set of buffers for a text of so many bytes: of an earlier text, if there is one.
  func take(byteCount: Int) -> Tokenizer.Scratch {
    guard var scratch = free.withLock({ $0.popLast() }) else {
      return Tokenizer.Scratch(words: BytePairEncoding.Scratch(byteCount: byteCount))
    }
    // A second text shows that there are many.
    scratch.words.growMemory()
    return scratch
  }

  /// Keeps what a text of so many bytes was tokenized with.
  func giveBack(_ scratch: consuming Tokenizer.Scratch, byteCount: Int) {
    guard byteCount <= Self.longestText else { return }
    let kept = scratch
    free.withLock { $0.append(kept) }
  }

  func removeAll() { free.withLock { $0 = [] } }
}
