import Testing

@testable import FineTuning

/// Steps fitted to a time.
struct PaceTests {
  @Test func aPaceThatStaysGoesThroughItsScheduleStepByStep() {
    let pace = Pace(steps: 10)
    #expect((0...10).map { pace.position(after: $0) } == (0...10).map { Double($0) })
    #expect(pace.stepCount == 10 && pace.scheduleSteps == 10)
  }

  @Test func aChangedPaceReachesTheSameEndWithoutAJump() throws {
    for count in [16, 60] {
      var pace = Pace(steps: 20)
      pace.change(at: 8, to: count)
      #expect(pace.stepCount == count && pace.scheduleSteps == 20)
      let positions = (0...count).map { pace.position(after: $0) }
      #expect(positions[8] == 8)
      #expect(abs(positions[count] - 20) < 1e-9)
      for (left, right) in zip(positions, positions.dropFirst()) {
        #expect(right > left && right - left <= max(1, 12 / Double(count - 8)) + 1e-9)
      }
      pace.change(at: 10, to: count + 2)
      #expect(abs(pace.position(after: count + 2) - 20) < 1e-9)
      #expect(try #require(Pace(pace.text)) == pace)
    }
  }

  @Test(arguments: [
    "", "5", "1:5", "0:0", "0:5,5:9", "0:5,3:3", "0:9,4:8,4:7", "0:9,4:8,2:9", "a:b",
  ])
  func refusesWhatIsNoPace(text: String) { #expect(Pace(text) == nil) }

  @Test func anyNumberOfStepsIsAPrefixOfMore() throws {
    let lengths = (1...37).map { $0 % 7 + 3 }
    func plan(_ duration: BatchPlan.Duration) throws -> BatchPlan {
      try BatchPlan(
        lengths: lengths, size: .tokens(40), duration: duration, microTokens: 20, seed: 5)
    }
    let whole = try plan(.epochs(4))
    for count in [1, 5, whole.stepCount / 2, whole.stepCount] {
      let part = try plan(.steps(count))
      #expect(part.stepCount == count)
      for step in 0..<count {
        #expect(part.step(step).microBatches == whole.step(step).microBatches)
      }
    }
  }

  @Test func theMostStepsThatFitAreTaken() {
    var budget = TimeBudget(total: 100, spent: 10, secondsPerStep: 2)
    #expect(budget.steps == 45)
    budget.secondsAtEnd = 3
    #expect(budget.steps == 43)
    budget.secondsPerValidation = 5
    budget.validations = { $0 / 10 + 1 }
    // 10 + 2n + 5(n / 10 + 1) + 3 ≤ 100: at 33 steps 4 validations end at 99, at 34 at 101.
    #expect(budget.steps == 33 && budget.end(steps: 33) == 99)
    budget.most = 20
    #expect(budget.steps == 20)
    budget = TimeBudget(total: 5, spent: 10, done: 7, secondsPerStep: 2)
    #expect(budget.steps == 8)
  }

  @Test func timesAreReadAsPeopleWriteThem() {
    for (text, seconds) in [
      ("90s", 90.0), ("30m", 1800), ("30 min", 1800), ("8h", 28_800), ("1h30m", 5400),
      ("1:30:00", 5400), ("45:00", 2700), ("1.5h", 5400), ("2d", 172_800), ("0.5s", 0.5),
    ] {
      #expect(TimeSpan(text)?.seconds == seconds, "\(text)")
    }
    for text in ["", "90", "h", "-5m", "0s", "1m1h", "1h1h", "5 parsecs", "1:75", "1:2:3:4", "nan"]
    {
      #expect(TimeSpan(text) == nil, "\(text)")
    }
    for seconds in [1.0, 59, 60, 3600, 5400, 86_399, 0.5] {
      #expect(TimeSpan(TimeSpan(seconds: seconds).description)?.seconds == seconds)
    }
  }

  @Test func aScheduleBetweenStepsIsContinuous() {
    for shape in LearningRateSchedule.Shape.allCases {
      let schedule = LearningRateSchedule(shape, peak: 1, steps: 50, warmup: .steps(5))
      for step in 0..<50 { #expect(schedule.rate(at: step) == schedule.rate(at: Double(step))) }
      var last = schedule.rate(at: 0.0)
      for place in 1...5000 {
        let rate = schedule.rate(at: Double(place) / 100)
        #expect(abs(rate - last) < 0.011)
        last = rate
      }
    }
  }
}
