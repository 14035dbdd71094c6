import Tensors
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
    #expect(sequences.lengths.map { Int($0) } == lengths && sequences.lines == [1, 2, 3, 4])
    #expect(sequences.tokenCount == 76 && sequences.targetCount == 72)
  }

  @Test func setsBeyondTheMemoryLimitLieInAFileAndReadTheSame() throws {
    let length = 1 << 19
    let lengths = [Int](repeating: length, count: 9)
    #expect(8 * length * lengths.count > 2 * SpilledArray<Int32>.memoryLimit)
    let sequences = try written(lengths)
    for index in [8, 0, 4] { #expect(sequences[index] == sequence(index, length)) }
  }

  @Test func partsAreChosenAndJoinedByPlace() throws {
    let (a, b) = (try written([2, 3]), try written([4]))
    let joined = try TokenSequences.joining([a.choosing([1, 0, 1]), b])
    #expect(Array(joined.lengths) == [3, 2, 3, 4])
    #expect(Array(joined) == [sequence(1, 3), sequence(0, 2), sequence(1, 3), sequence(0, 4)])
  }

  @Test func theIndexOfManyRowsLiesInAFileAndReadsTheSame() throws {
    let count = SpilledArray<Int32>.memoryLimit / 4 + 5
    let sequences = try written((0..<count).map { $0 % 3 + 1 })
    #expect(sequences.count == count && sequences.lengths.count == count)
    #expect(sequences.tokenCount == sequences.lengths.reduce(0) { $0 + Int($1) })
    for index in [0, count - 1, 777, count / 2] {
      #expect(sequences[index] == sequence(index, index % 3 + 1))
      #expect(sequences.line(index) == index + 1)
    }
    let part = try sequences.choosing(stride(from: 0, to: count, by: 1000))
    #expect(part[3] == sequence(3000, 1) && part.line(3) == 3001)
  }

  @Test func nothingIsEmpty() throws {
    #expect(try written([]).isEmpty)
  }
}
