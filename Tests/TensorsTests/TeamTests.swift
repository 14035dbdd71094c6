import Testing

@testable import Tensors

/// `withTeam`: the same bits as without, however threads come and go.
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

  private func state(tokens: Int, rounds: Int, ahead: Bool, inTeam: Bool) throws -> [Float] {
    let network = try Network(tokens: tokens)
    func run() { for _ in 0..<rounds { network.run(ahead: ahead) } }
    if inTeam { withTeam(run) } else { run() }
    return network.state
  }

  @Test(arguments: [1, 4])
  func aTeamChangesNoBit(tokens: Int) throws {
    for isa in Compute.available where isa != Compute.scalar {
      let alone = try Compute.with(isa: isa, threads: 1) {
        try state(tokens: tokens, rounds: 12, ahead: false, inTeam: false)
      }
      #expect(alone.allSatisfy(\.isFinite) && alone.contains { $0 != 0 })
      for threads in Int32(2)...5 {
        let together = try Compute.with(isa: isa, threads: threads) {
          try state(tokens: tokens, rounds: 12, ahead: threads != 3, inTeam: true)
        }
        #expect(together == alone, "tier \(isa), \(threads) threads")
      }
    }
  }

  @Test func teamsComeAndGoAndMayBeAskedForTwice() throws {
    try Compute.with(isa: Compute.available.last ?? Compute.scalar, threads: 3) {
      let expected = try state(tokens: 1, rounds: 1, ahead: false, inTeam: false)
      var calls = 0
      for _ in 0..<300 { withTeam { calls += 1 } }
      for _ in 0..<20 {
        var inner: [Float] = []
        var failure: (any Error)?
        withTeam {
          do { inner = try state(tokens: 1, rounds: 1, ahead: true, inTeam: true) } catch {
            failure = error
          }
        }
        #expect(failure == nil && inner == expected)
      }
      #expect(calls == 300)
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
        withTeam { multiplyFew([FewProduct(into: y, w)], x, next: next) }
        #expect(y.array() == expected.array())
      }
      #expect(bench.bordersAreIntact())
    }
  }
}
