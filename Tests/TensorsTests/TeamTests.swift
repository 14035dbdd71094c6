import CKernels
import Foundation
import Synchronization
import Testing

@testable import Tensors

/// The team of threads: the same bits as alone, every piece once, however threads come and go.
@Suite(.serialized) struct TeamTests {
  private static let width = 256
  /// Large enough for several threads to be called.
  private static let rows = 1100
  private static let capacity = 600

  /// A little network of a few jobs a round, each reading what the one before has written: a job that began early, late or
  /// twice would show.
  private struct Network {
    let bench: Bench
    let up: QuantizedMatrix
    let down: QuantizedMatrix
    let x: Matrix
    let wide: Matrix
    let sum: Matrix
    let keys: Matrix
    let values: Matrix
    let attended: Matrix

    init(tokens: Int) throws {
      var generator = SampleGenerator(seed: 12)
      bench = try Bench(byteCount: 1 << 22)
      up = .random(.q4_1, rows: rows, columns: width, seed: 1)
      down = .random(.q8_0, rows: width, columns: rows / 32 * 32, seed: 2)
      x = bench.matrix(tokens, width, .bfloat16, generator.values(tokens * width))
      wide = bench.matrix(tokens, rows, .bfloat16)
      sum = bench.matrix(tokens, width, .float32, [Float](repeating: 0, count: tokens * width))
      keys = bench.matrix(capacity, width, .bfloat16, generator.values(capacity * width))
      values = bench.matrix(capacity, width, .bfloat16, generator.values(capacity * width))
      attended = bench.matrix(tokens, width, .bfloat16)
    }

    /// One round; the next begins with what this one leaves in `x`.
    func run(ahead: Bool) {
      let tokens = x.rows
      multiplyFew([FewProduct(into: wide, up)], x, next: ahead ? [down] : [])
      let narrow = bench.matrix(tokens, down.columns, .bfloat16)
      narrow.assign((0..<tokens).flatMap { wide.rows($0..<$0 + 1).array().prefix(down.columns) })
      multiplyFew(
        [FewProduct(into: sum, down)], narrow, accumulate: true, next: ahead ? [up, down] : [])
      cachedAttention(
        into: attended, q: x, keys: keys, values: values,
        slots: Array(repeating: 0, count: tokens),
        positions: (0..<tokens).map { Int32(TeamTests.capacity - 1 - 100 * $0) },
        capacity: TeamTests.capacity,
        shape: AttentionShape(heads: 8, keyValueHeads: 8, size: TeamTests.width / 8))
      let scale = 1 / (1 + sum.array().reduce(0) { max($0, abs($1)) })
      x.assign(zip(sum.array(), attended.array()).map { $0 * scale + $1 })
    }

    var state: [Float] { x.array() + wide.array() + sum.array() + attended.array() }
  }

  private func state(tokens: Int, rounds: Int, ahead: Bool) throws -> [Float] {
    let network = try Network(tokens: tokens)
    for _ in 0..<rounds { network.run(ahead: ahead) }
    return network.state
  }

  @Test(arguments: [1, 4])
  func aTeamChangesNoBit(tokens: Int) throws {
    for isa in Compute.available where isa != Compute.scalar {
      let alone = try Compute.with(isa: isa, threads: 1) {
        try state(tokens: tokens, rounds: 12, ahead: false)
      }
      #expect(alone.allSatisfy(\.isFinite) && alone.contains { $0 != 0 })
      for threads in Int32(2)...5 {
        let together = try Compute.with(isa: isa, threads: threads) {
          try state(tokens: tokens, rounds: 12, ahead: threads != 3)
        }
        #expect(together == alone, "tier \(isa), \(threads) threads")
      }
    }
  }

  /// Every kernel of a piece of `sideBySide` runs alone there, with the bits that it has in the team.
  @Test func jobsWithinPiecesRunAlone() throws {
    try Compute.with(isa: Compute.available.last ?? Compute.scalar, threads: 3) {
      let expected = try state(tokens: 1, rounds: 2, ahead: false)
      let found = sideBySide(12, atMost: 3) { _ in
        try? state(tokens: 1, rounds: 2, ahead: true)
      }
      #expect(found.count == 12)
      for inner in found { #expect(inner == expected) }
    }
  }

  /// Calls of the pieces of a job, counted; what each did is in a place of its own.
  @Test func everyPieceIsDoneOnceWhateverTheNumberOfThreads() {
    Compute.with(isa: Compute.scalar, threads: 8) {
      for round in 0..<400 {
        let count = round % 37
        // `most` changes between calls, above and below the threads that there are.
        let found = sideBySide(count, atMost: 1 + round % 9) { 3 * $0 + round }
        #expect(found == (0..<count).map { 3 * $0 + round })
      }
    }
  }

  /// More callers at a time than the team has places for jobs, each with a job in its pieces.
  @Test func manyCallersDoNotDisturbEachOther() async {
    let threads = Processor.threads
    Processor.threads = 4
    defer { Processor.threads = threads }
    let sums = await withCheckedContinuation { continuation in
      let left = Mutex((24, [Int](repeating: 0, count: 24)))
      for caller in 0..<24 {
        Thread.detachNewThread {
          var sum = 0
          for round in 0..<60 {
            let found = sideBySide(11, atMost: 2 + caller % 3) { piece in
              sideBySide(3, atMost: 4) { $0 * piece + caller + round }.reduce(0, +)
            }
            sum += found.reduce(0, +)
          }
          let all: [Int]? = left.withLock { left in
            left.0 -= 1
            left.1[caller] = sum
            return left.0 == 0 ? left.1 : nil
          }
          if let all { continuation.resume(returning: all) }
        }
      }
    }
    for (caller, sum) in sums.enumerated() {
      #expect(sum == 60 * (3 * 55 + 33 * caller) + 33 * (59 * 60 / 2))
    }
  }

  /// A helper that is held up in its first piece keeps only that one: the caller does all others meanwhile.
  @Test func theCallerGoesOnWithoutAHelperThatIsHeldUp() {
    Compute.with(isa: Compute.scalar, threads: 2) {
      for _ in 0..<20 {
        let caller = pthread_self()
        let others = Mutex(0)
        let count = 40
        let owners = sideBySide(count, atMost: 2) { _ in
          let isCaller = pthread_equal(pthread_self(), caller) != 0
          if isCaller {
            others.withLock { $0 += 1 }
            usleep(100)
          } else {
            // Until the caller has done all that is left.
            let end = Date(timeIntervalSinceNow: 20)
            while others.withLock({ $0 }) < count - 1, Date() < end { usleep(50) }
          }
          return isCaller
        }
        #expect(owners.filter(\.self).count >= count - 1)
      }
    }
  }

  /// Nobody burns a processor while there is nothing to do.
  @Test func anIdleTeamSleeps() {
    Compute.with(isa: Compute.scalar, threads: 6) {
      _ = sideBySide(60, atMost: 6) { $0 }
      usleep(100_000)
      let before = clock()
      usleep(400_000)
      #expect(Double(clock() - before) / Double(CLOCKS_PER_SEC) < 0.2)
    }
  }

  @Test func readingAheadEndsWithTheWeights() throws {
    // The last weight of a mapping, of less than a cache line, and none at all.
    try Compute.with(isa: Compute.available.last ?? Compute.scalar, threads: 4) {
      let bench = try Bench(byteCount: 1 << 20)
      let tiny = QuantizedMatrix.random(.q8_0, rows: 1, columns: 32, seed: 3)
      let w = QuantizedMatrix.random(.q8_0, rows: TeamTests.rows, columns: 256, seed: 4)
      var generator = SampleGenerator(seed: 5)
      let x = bench.matrix(1, 256, .bfloat16, generator.values(256))
      let y = bench.matrix(1, TeamTests.rows, .float32)
      let expected = bench.matrix(1, TeamTests.rows, .float32)
      multiplyFew([FewProduct(into: expected, w)], x)
      for next in [[tiny], [tiny, tiny, w], [], [w, tiny]] {
        multiplyFew([FewProduct(into: y, w)], x, next: next)
        #expect(y.array() == expected.array())
      }
      #expect(bench.bordersAreIntact())
    }
  }
}
