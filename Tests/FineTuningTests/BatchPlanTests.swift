import Tensors
import Testing
import Transformer

@testable import FineTuning

struct BatchPlanTests {
  private let lengths = (0..<37).map { 5 + ($0 * 7) % 23 }

  private func indices(_ plan: BatchPlan, epoch: Int) -> [Int] {
    (0..<plan.stepCount).map { plan.step($0) }.filter { $0.epoch == epoch }
      .flatMap { $0.microBatches.flatMap { $0 } }
  }

  @Test func everyEpochSeesEverySequenceOnceInItsOwnOrder() throws {
    let plan = try BatchPlan(
      lengths: lengths, size: .tokens(100), duration: .epochs(2), microTokens: 64, seed: 1)
    let (first, second) = (indices(plan, epoch: 0), indices(plan, epoch: 1))
    #expect(first.sorted() == Array(0..<37))
    #expect(second.sorted() == Array(0..<37))
    #expect(first != second)
    #expect(plan.step(plan.stepCount - 1).epochsDone == 2)
    #expect(plan.tokenCount == 2 * lengths.reduce(0, +))
  }

  @Test func theSeedDecidesTheOrder() throws {
    func plan(_ seed: UInt64) throws -> [BatchPlan.Step] {
      let plan = try BatchPlan(
        lengths: lengths, size: .sequences(4), duration: .epochs(1), microTokens: 64, seed: seed)
      return (0..<plan.stepCount).map { plan.step($0) }
    }
    #expect(try plan(7) == plan(7))
    #expect(try plan(7) != plan(8))
  }

  @Test func stepsOfSequencesAreOfEqualSize() throws {
    let plan = try BatchPlan(
      lengths: lengths, size: .sequences(8), duration: .epochs(1), microTokens: 1000, seed: 1)
    let sizes = (0..<plan.stepCount).map { plan.step($0).microBatches.joined().count }
    #expect(plan.stepCount == 5)
    #expect(sizes.reduce(0, +) == 37)
    #expect(sizes.allSatisfy { $0 == 7 || $0 == 8 })
  }

  @Test func stepsOfTokensAreNearTheirSize() throws {
    let plan = try BatchPlan(
      lengths: lengths, size: .tokens(100), duration: .epochs(1), microTokens: 1000, seed: 1)
    let total = lengths.reduce(0, +)
    #expect(plan.stepCount == (total + 99) / 100)
    for step in 0..<plan.stepCount {
      let tokens = plan.step(step).microBatches.joined().reduce(0) { $0 + lengths[$1] }
      #expect(abs(tokens - total / plan.stepCount) <= lengths.max()!)
    }
  }

  @Test func aGivenNumberOfStepsRunsThroughAsManyEpochsAsItTakes() throws {
    let plan = try BatchPlan(
      lengths: [3, 3, 3], size: .sequences(2), duration: .steps(5), microTokens: 8, seed: 1)
    #expect(plan.stepCount == 5)
    #expect((0..<5).map { plan.step($0).epoch } == [0, 0, 1, 1, 2])
    let none = try BatchPlan(
      lengths: [3], size: .sequences(1), duration: .steps(0), microTokens: 8, seed: 1)
    #expect(none.stepCount == 0)
  }

  @Test func aSequenceLargerThanManyStepsLeavesNoEmptyStep() throws {
    let plan = try BatchPlan(
      lengths: [90, 5, 5], size: .tokens(10), duration: .epochs(1), microTokens: 8, seed: 3)
    for step in 0..<plan.stepCount { #expect(!plan.step(step).microBatches.isEmpty) }
  }

  @Test func microBatchesHoldWholeSequencesWithinTheLimit() throws {
    let runs = BatchPlan.pack([0, 1, 2, 3, 4], lengths: [50, 3, 40, 60, 200], limit: 100)
    #expect(runs == [[4], [3, 2], [0, 1]])
    #expect(BatchPlan.pack([], lengths: [], limit: 10).isEmpty)
  }

  @Test func batchesCarryTheTokensOfTheirSequences() throws {
    let sequences = [4, 2, 3].map { count in
      TokenSequence(allTargets: (0..<count).map { Int32(count * 10 + $0) })
    }
    let plan = try BatchPlan(
      lengths: [4, 2, 3], size: .sequences(3), duration: .epochs(1), microTokens: 6, seed: 5)
    let batches = plan.batches(0, of: sequences)
    #expect(batches.count == 2)
    #expect(batches.map(\.tokenCount).reduce(0, +) == 9)
    #expect(batches.allSatisfy { $0.tokenCount <= 6 })
    let evaluated = try TokenBatches(evaluating: sequences, microTokens: 6)
    #expect(evaluated.map(\.ids) == batches.map(\.ids))
    #expect(evaluated.tokenCount == 9 && evaluated.sequenceCount == 3)
    #expect(evaluated.spread(1).map(\.ids) == [batches[0].ids])
    #expect(evaluated.spread(5).count == 2)
  }

  @Test func aLargeSetHasTheOrderThatItHasInMemory() throws {
    let count = SpilledArray<Int32>.memoryLimit / 4 + 1000
    var one = RandomGenerator(seed: 9).stream("order")
    var other = one
    let spilled = try SpilledArray.permutation(count, &one)
    #expect(spilled.map { Int($0) } == other.permutation(count))
    #expect(one.uniform() == other.uniform())
  }
}
