import Foundation
import Tensors
import TestSupport
import Testing

@testable import Transformer

@Suite struct ExpertRoutingTests {
  private let shape = ExpertShape(count: 6, used: 3, width: 8)

  private func matrix(_ values: [[Float]]) throws -> Matrix {
    let arena = try Arena("logits", byteCount: 1 << 16)
    let matrix = arena.allocate(rows: values.count, columns: values[0].count, type: .float32)
    matrix.assign(values.flatMap(\.self))
    return matrix
  }

  private func random(_ tokens: Int, seed: UInt64) -> [[Float]] {
    var random = SplitMix64(seed: seed)
    return (0..<tokens).map { _ in (0..<shape.count).map { _ in 2 * random.normal() } }
  }

  @Test func theLargestAreChosenAndOfEqualOnesTheLower() throws {
    let routing = ExpertRouting(
      try matrix([
        [0, 5, 1, 4, -2, 3], [3, 2, 1, 0, -1, -2], [-2, -1, 0, 1, 2, 3], [1, 1, 1, 1, 1, 1],
        [0, 7, 2, 7, 2, 7], [2, 1, 2, 0, 1, 1],
      ]), shape)
    #expect(
      routing.chosen == [1, 3, 5, 0, 1, 2, 5, 4, 3, 0, 1, 2, 1, 3, 5, 0, 2, 1])
    #expect(routing.shares[9..<12].allSatisfy { $0 == Float(1) / 3 })
  }

  @Test("The choice is that of a sort, the shares are the softmax over it and sum to one")
  func choiceIsThatOfASort() throws {
    let logits = random(40, seed: 2)
    let routing = ExpertRouting(try matrix(logits), shape)
    for (token, row) in logits.enumerated() {
      let sorted = row.indices.sorted { (row[$1], $0) < (row[$0], $1) }
      let places = token * 3..<token * 3 + 3
      #expect(Array(routing.chosen[places]) == Array(sorted.prefix(3)))
      let shares = Array(routing.shares[places])
      #expect(abs(shares.reduce(0, +) - 1) < 1e-6)
      // The ratio of two shares is that of the exponentials.
      #expect(abs(logf(shares[0] / shares[2]) - (row[sorted[0]] - row[sorted[2]])) < 1e-4)
    }
  }

  @Test func rowsAreSortedByExpertAndKeepTheOrderOfTokens() throws {
    let routing = ExpertRouting(try matrix(random(50, seed: 3)), shape)
    #expect(routing.starts.first == 0 && routing.starts.last == 150)
    #expect(routing.places.sorted() == Array(0..<150))
    // Chosen, tokens and places of each row are 8 bytes, a share 4.
    #expect(ExpertRouting.byteCount(tokens: 50, shape) == 150 * 28 + 7 * 8)
    for expert in 0..<shape.count {
      let rows = routing.starts[expert]..<routing.starts[expert + 1]
      #expect(rows.allSatisfy { routing.chosen[routing.places[$0]] == expert })
      #expect(zip(rows, rows.dropFirst()).allSatisfy { routing.tokens[$0] < routing.tokens[$1] })
      #expect(rows.allSatisfy { routing.tokens[$0] == routing.places[$0] / 3 })
    }
  }

  @Test func groupsHoldEveryExpertThatHasRowsOnce() throws {
    let shape = ExpertShape(count: 6, used: 1, width: 8)
    let routing = ExpertRouting(
      try matrix([
        [9, 0, 0, 0, 0, 0], [0, 0, 9, 0, 0, 0], [0, 0, 9, 0, 0, 0], [0, 0, 0, 0, 0, 9],
      ]),
      shape)
    #expect(routing.groups(atMost: .max).map { $0.map(\.expert) } == [[0, 2, 5]])
    #expect(routing.groups(atMost: 2).map { $0.map(\.expert) } == [[0, 2], [5]])
    #expect(routing.groups(atMost: 2)[0].map(\.rows) == [0..<1, 1..<3])
  }

  @Test func anEarlierChoiceIsKept() throws {
    let first = random(9, seed: 4)
    // The order of all logits is turned about.
    let second = first.map { $0.map { -$0 } }
    let earlier = ExpertRouting(try matrix(first), shape)
    let kept = ExpertRouting(try matrix(second), shape, keeping: earlier)
    #expect(kept.chosen == earlier.chosen && kept.places == earlier.places)
    #expect(kept.shares != earlier.shares)
    #expect(ExpertRouting(try matrix(second), shape).chosen != earlier.chosen)
  }

  @Test("The gradient of logits is that of the shares, by differences; unchosen experts have none")
  func backwardAgreesWithDifferences() throws {
    let logits = random(5, seed: 5)
    let routing = ExpertRouting(try matrix(logits), shape)
    var random = SplitMix64(seed: 6)
    // Of the sorted rows; the loss is Σ weight · share.
    let weights = routing.places.map { _ in random.normal() }
    func loss(_ logits: [[Float]]) throws -> Double {
      let found = ExpertRouting(try matrix(logits), shape, keeping: routing)
      return zip(found.sortedShares(times: 1), weights).reduce(0) { $0 + Double($1.0 * $1.1) }
    }
    let gradient = try matrix(logits)
    routing.backward(into: gradient, shareGradients: weights, shape)
    let step: Float = 1e-2
    for token in 0..<5 {
      let chosen = routing.chosen[token * 3..<token * 3 + 3]
      for expert in 0..<shape.count {
        guard chosen.contains(expert) else {
          #expect(gradient[token, expert] == 0)
          continue
        }
        func shifted(_ by: Float) throws -> Double {
          var moved = logits
          moved[token][expert] += by
          return try loss(moved)
        }
        let slope = try (shifted(step) - shifted(-step)) / Double(2 * step)
        #expect(abs(slope - Double(gradient[token, expert])) < 1e-3, "\(token) \(expert)")
      }
    }
  }
}
