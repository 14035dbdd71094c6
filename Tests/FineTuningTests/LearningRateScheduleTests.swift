import Testing

@testable import FineTuning

@Suite struct LearningRateScheduleTests {
  private func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-12 }

  @Test(arguments: LearningRateSchedule.Shape.allCases)
  func warmUpEndsAtThePeakAndWastesNoStep(shape: LearningRateSchedule.Shape) {
    let schedule = LearningRateSchedule(shape, peak: 2, steps: 100, warmup: .steps(4))
    #expect((0..<5).map { schedule.rate(at: $0) } == [0.5, 1, 1.5, 2, 2])
  }

  @Test func linearFallsToZeroAfterTheLastStep() {
    let schedule = LearningRateSchedule(.linear, peak: 1, steps: 12, warmup: .steps(2))
    #expect(close(schedule.rate(at: 2), 1) && close(schedule.rate(at: 7), 0.5))
    #expect(close(schedule.rate(at: 11), 0.1) && schedule.rate(at: 12) == 0)
    #expect(schedule.rate(at: 1_000) == 0)
  }

  @Test func cosineIsHalfAtTheMiddleAndEndsAtTheFinalShare() {
    let schedule = LearningRateSchedule(
      .cosine, peak: 1, steps: 20, warmup: .fraction(0), final: 0.1)
    #expect(close(schedule.rate(at: 0), 1) && close(schedule.rate(at: 10), 0.55))
    #expect(close(schedule.rate(at: 20), 0.1))
    let rates = (0...20).map { schedule.rate(at: $0) }
    #expect(rates == rates.sorted(by: >))
  }

  @Test func constantStaysAtThePeak() {
    let schedule = LearningRateSchedule(.constant, peak: 3, steps: 10, warmup: .steps(0))
    #expect((0..<20).allSatisfy { schedule.rate(at: $0) == 3 })
  }

  @Test func warmUpIsAFractionBelowOneAndStepsFromOne() {
    typealias Warmup = LearningRateSchedule.Warmup
    #expect(Warmup(0.03) == .fraction(0.03) && Warmup(1) == .steps(1))
    #expect(Warmup(25) == .steps(25) && Warmup(-1) == .fraction(0))
    func count(_ warmup: Warmup, steps: Int) -> Int {
      LearningRateSchedule(.linear, peak: 1, steps: steps, warmup: warmup).warmupSteps
    }
    #expect(count(.fraction(0.03), steps: 100) == 3 && count(.fraction(0.03), steps: 101) == 4)
    #expect(count(.steps(50), steps: 10) == 10 && count(.fraction(0.5), steps: 0) == 0)
  }

  @Test func warmUpOverTheWholeRunEndsAtThePeak() {
    let schedule = LearningRateSchedule(.linear, peak: 1, steps: 4, warmup: .steps(9))
    #expect((0..<4).map { schedule.rate(at: $0) } == [0.25, 0.5, 0.75, 1])
    #expect(schedule.rate(at: 4) == 0)
  }
}
