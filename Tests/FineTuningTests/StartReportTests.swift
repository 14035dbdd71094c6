import Testing

@testable import FineTuning

@Suite struct StartReportTests {
  private func report(
    _ initialization: AdapterInitialization = .loraOne, scale: InitializationScale = .normalized,
    after: Double
  ) -> StartReport {
    StartReport(
      initialization: initialization, scale: scale, loss: .tokens, gamma: 128, chosenGamma: nil,
      rank: 8, alpha: 16, isRankStabilized: true, seed: 1, sequences: 4, tokens: 40, targets: 20,
      lossBefore: 2, lossAfter: after, lineSearch: nil, seconds: 1, layers: [], matrices: [])
  }

  @Test func aStepThatGoesTooFarIsNamedWithItsRemedy() throws {
    let notice = try #require(report(after: 2.5).notices.first)
    #expect(notice.contains("raises the loss") && notice.contains("--init-scale linesearch"))
  }

  @Test func nothingIsSaidOfAStepThatHelpsAndOfStartsThatAreNoStep() {
    #expect(report(after: 1.5).notices.isEmpty)
    #expect(report(scale: .linesearch, after: 2).notices.isEmpty)
    #expect(report(.orthogonal, after: 2.01).notices.isEmpty)
  }
}
