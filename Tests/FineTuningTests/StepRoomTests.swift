import TestSupport
import Testing

@testable import FineTuning

/// Room for steps that nobody had seen when the memory was planned.
struct StepRoomTests {
  /// 23 rows of 3 to 47 tokens, 4 a step: the fullest steps are rare.
  private func recipe(_ folder: TemporaryFolder) throws -> FineTuneRecipe {
    let rows = (0..<23).map { row in
      let ids = (0..<(row * 2 + 3)).map { "\(5 + (3 * row + 7 * $0) % 250)" }
      return "{\"input_ids\":[\(ids.joined(separator: ","))]}\n"
    }
    var recipe = FineTuneRecipe()
    recipe.model = try TinyFiles.path("qwen2.gguf")
    recipe.data = [try folder.write("data.jsonl", rows.joined())]
    recipe.output = "\(folder.path)/run"
    recipe.rank = 2
    recipe.batch = 4
    recipe.valSplit = 0
    return recipe
  }

  private func fullest(_ plan: BatchPlan) -> Int {
    (0..<plan.stepCount).flatMap { index in
      BatchPlan.pack(lengths: plan.lengths(ofStep: index), limit: plan.microTokens).map { run in
        run.reduce(0) { $0 + plan.lengths(ofStep: index)[$1] }
      }
    }.max() ?? 0
  }

  @Test func stepsThatAreFittedToATimeOnTheWayHaveRoom() throws {
    let folder = try TemporaryFolder()
    var recipe = try recipe(folder)
    recipe.time = TimeSpan(seconds: 3600)
    let session = try FineTuneSession(recipe, version: "test")
    let foreseen = fullest(session.batchPlan)
    try session.fit(Pace(steps: 3000))
    #expect(fullest(session.batchPlan) > foreseen, "else this proves nothing")
    #expect(session.memoryPlan.workspace.tokens >= fullest(session.batchPlan))
  }

  @Test func aPlanForManyStepsIsMadeInSecondsAndHasRoomForAll() throws {
    let folder = try TemporaryFolder()
    var recipe = try recipe(folder)
    recipe.steps = MemoryRequest.stepsLookedAt + 50_000
    let session = try FineTuneSession(recipe, version: "test")
    #expect(session.memoryPlan.workspace.tokens >= fullest(session.batchPlan))
    recipe.steps = 6
    let few = try FineTuneSession(recipe, version: "test")
    #expect(few.memoryPlan.workspace.tokens == fullest(few.batchPlan), "no more than it needs")
  }
}
