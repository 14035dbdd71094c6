import Foundation
import Inference
import TestSupport
import Testing
import Transformer

@testable import FineTuning

@Suite
struct EvaluationPerplexityTests {
  private let tokens = (0..<21).map { Int32(100 + $0) }

  @Test func secondHalvesOfWholeWindowsAreScored() throws {
    let windows = try PerplexityWindows.sequences(tokens, context: 8, beginning: nil)
    #expect(windows.count == 2)
    #expect(windows[0].ids == Array(100..<108))
    #expect(windows[1].ids == Array(108..<116))
    // Positions 4, 5, 6 predict 5, 6, 7: context − 1 − context/2 tokens.
    #expect(windows[0].targets == [-1, -1, -1, -1, 105, 106, 107, -1])
    #expect(windows[1].targetCount == 8 - 1 - 4)
  }

  @Test func oddWindowsRoundTheirFirstHalfDown() throws {
    let windows = try PerplexityWindows.sequences(tokens, context: 7, beginning: nil)
    #expect(windows.count == 3)
    #expect(windows[2].targets == [-1, -1, -1, 118, 119, 120, -1])
  }

  @Test func beginOfTextTakesThePlaceOfTheFirstTokenOfEachWindow() throws {
    let windows = try PerplexityWindows.sequences(tokens, context: 8, beginning: 1)
    #expect(windows.map { $0.ids[0] } == [1, 1])
    #expect(windows[1].ids.dropFirst() == [109, 110, 111, 112, 113, 114, 115])
    #expect(windows[1].targets == [-1, -1, -1, -1, 113, 114, 115, -1])
  }

  @Test func refusesTextsOfLessThanTwoWindows() throws {
    #expect(throws: EvaluationError.textTooShort(tokens: 21, needed: 22)) {
      try PerplexityWindows.sequences(tokens, context: 11, beginning: nil)
    }
    #expect(try PerplexityWindows.sequences(tokens, context: 10, beginning: nil).count == 2)
    #expect(throws: EvaluationError.invalidContext(context: 3, longest: 10)) {
      try PerplexityWindows.sequences(tokens, context: 3, beginning: nil)
    }
  }

  @Test func textsBecomeWindowsOfTheModelsTokens() throws {
    let loaded = try LoadedModel(SyntheticModel(contextLength: 32).file())
    let windows = try PerplexityWindows.sequences(
      of: String(repeating: "abcdefgh", count: 8), context: 16, loaded)
    // The model adds begin-of-text: 64 characters and it (and perhaps a space) give four windows.
    #expect(windows.count == 4)
    #expect(windows.allSatisfy { $0.ids[0] == 1 })
    #expect(throws: EvaluationError.invalidContext(context: 64, longest: 32)) {
      try PerplexityWindows.sequences(of: "abc", context: 64, loaded)
    }
  }

  @Test func standardErrorIsThatOfLlamaCpp() throws {
    var score = LikelihoodScore()
    let values = [1.0, 2, 4, 0.5]
    for value in values { score.add(value) }
    let mean = 7.5 / 4
    let variance = (1 + 4 + 16 + 0.25) / 4 - mean * mean
    #expect(try abs(#require(score.mean) - mean) < 1e-12)
    #expect(try abs(#require(score.perplexity) - exp(mean)) < 1e-12)
    #expect(
      try abs(#require(score.perplexityError) - (variance / 3).squareRoot() * exp(mean)) < 1e-12)
    #expect(LikelihoodScore().perplexity == nil)
  }

  /// PyTorch in float32 over the same weights and windows: 5.50645; the tokens as ids, so that only the model counts.
  @Test(
    .tags(.realModel),
    .enabled(
      if: TestFiles.hasRealModel && TestFiles.hasShared
        && ProcessInfo.processInfo.environment["SCION_SLOW_TESTS"] != nil))
  func theReferenceTextHasTheReferencePerplexity() throws {
    let loaded = try LoadedModel(path: TestFiles.realModel)
    let text = try String(contentsOf: TestFiles.shared("reference/text.txt"), encoding: .utf8)
    let windows = try PerplexityWindows.sequences(of: text, context: 512, loaded)
    #expect(windows.count == 74)
    let evaluation = try LikelihoodEvaluation(
      task: .perplexity, loaded.model, storage: .float32, sequences: windows)
    let report = try evaluation.run()
    #expect(try abs(#require(report.perplexity) - 5.50645) < 0.001)
  }
}
