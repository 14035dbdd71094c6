import Foundation
import Testing

@testable import FineTuning

/// Which rates are tried, and which is taken.
struct RateSearchTests {
  @Test func aRowGrowsFromItsCentre() {
    #expect(RateSearch.rates(around: 1, trials: 5) == [1, 4, 0.25, 16, 0.0625])
    #expect(RateSearch.rates(around: 1e-3, trials: 3).count == 3)
  }

  @Test func aSearchTakesATenthOfTheRunOrTheLeastThatSaysSomething() {
    for steps in [60, 80, 400, 2_000, 100_000] {
      let extent = RateSearch.extent(steps: steps)
      let work = Double(extent.trials * (extent.steps + 2)) / Double(RateSearch.part)
      let least = extent.trials == 3 && extent.steps == 4
      #expect(work <= 0.1 * Double(steps) + 1e-9 || least, "\(steps): \(extent)")
      #expect((3...5).contains(extent.trials) && (4...24).contains(extent.steps))
    }
  }

  private func trials(_ losses: [(Double, Double?)]) -> [RateSearch.Trial] {
    losses.map { RateSearch.Trial(rate: $0.0, loss: $0.1) }
  }

  @Test func theMinimumOfAParabolaIsFoundAndLengthened() throws {
    // Losses that are a parabola in log rate with its minimum at 2e-3.
    func loss(_ rate: Double) -> Double { 1 + 0.3 * pow(log(rate / 2e-3), 2) }
    let rates = RateSearch.rates(around: 1e-3, trials: 5)
    let found = try #require(RateSearch.choice(trials(rates.map { ($0, loss($0)) })))
    #expect(abs(found / (2e-3 * RateSearch.lengthening) - 1) < 1e-6)
  }

  @Test func brokenTrialsAreNoHarm() throws {
    let found = try #require(
      RateSearch.choice(trials([(1e-3, 2), (4e-3, nil), (16e-3, .nan), (2.5e-4, 3)])))
    #expect(abs(found - 1e-3) < 1e-12)
    #expect(RateSearch.choice(trials([(1e-3, nil), (4e-3, nil)])) == nil)
    // Never beyond a neighbour that was worse.
    let steep = try #require(RateSearch.choice(trials([(1, 1), (4, 1.001), (0.25, 9)])))
    #expect(steep <= 4 && steep >= 1)
  }

  @Test func autoIsReadWrittenAndRepeated() throws {
    let recipe = try FineTuneRecipe(yaml: "lr: auto\n")
    #expect(recipe.lr == .automatic)
    try recipe.validate()
    #expect(try FineTuneRecipe(yaml: recipe.yaml()).lr == .automatic)
    #expect(try FineTuneRecipe(yaml: "lr: 2e-4").lr == 2e-4)
    #expect(throws: RecipeError.self) { try FineTuneRecipe(yaml: "lr: fast") }
    #expect(throws: RecipeError.self) { try FineTuneRecipe(yaml: "lr: -1").validate() }
  }
}
