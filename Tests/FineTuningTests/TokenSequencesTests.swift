import Testing
import Transformer

@testable import FineTuning

struct TokenSequencesTests {
  private func sequence(_ index: Int, _ length: Int) -> TokenSequence {
    TokenSequence(allTargets: (0..<length).map { Int32(index &* 31 &+ $0) })
  }

  private func written(_ lengths: [Int]) throws -> TokenSequences {
    var writer = TokenSequences.Writer()
    for (index, length) in lengths.enumerated() {
      try writer.append(sequence(index, length), line: index + 1)
    }
    return try writer.finish()
  }

  @Test func sequencesComeBackAsTheyWere() throws {
    let lengths = [3, 1, 70, 2]
    let sequences = try written(lengths)
    #expect(Array(sequences) == lengths.enumerated().map { sequence($0, $1) })
    #expect(sequences.lengths == lengths && sequences.lines == [1, 2, 3, 4])
    #expect(sequences.tokenCount == 76 && sequences.targetCount == 72)
  }

  @Test func setsBeyondTheMemoryLimitLieInAFileAndReadTheSame() throws {
    let length = 1 << 19
    let lengths = [Int](repeating: length, count: 9)
    #expect(8 * length * lengths.count > 2 * TokenSequences.memoryLimit)
    let sequences = try written(lengths)
    for index in [8, 0, 4] { #expect(sequences[index] == sequence(index, length)) }
  }

  @Test func partsAreChosenAndJoinedByPlace() throws {
    let (a, b) = (try written([2, 3]), try written([4]))
    let joined = TokenSequences(joining: [a.choosing([1, 0, 1]), b])
    #expect(joined.lengths == [3, 2, 3, 4])
    #expect(Array(joined) == [sequence(1, 3), sequence(0, 2), sequence(1, 3), sequence(0, 4)])
  }

  @Test func nothingIsEmpty() throws {
    #expect(try written([]).isEmpty)
  }
}
