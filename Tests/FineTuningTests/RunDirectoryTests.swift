import Foundation
import TestSupport
import Testing

@testable import FineTuning

struct RunDirectoryTests {
  @Test func makesTheFolderAndItsParents() throws {
    let folder = try TemporaryFolder()
    let run = try RunDirectory(path: "\(folder.path)/a/b/")
    try run.write("text", to: run.recipe)
    #expect(try folder.names(in: "a/b") == ["recipe.yaml"])
  }

  @Test func refusesAFinishedRunUnlessAsked() throws {
    let folder = try TemporaryFolder()
    let run = try RunDirectory(path: folder.path)
    try run.write("x", to: run.adapter)
    try run.write("x", to: run.metrics)
    _ = try folder.write("mine.txt", "x")
    #expect(throws: RunDirectory.Failure.finishedRun(path: folder.path)) {
      try RunDirectory(path: folder.path)
    }
    #expect(try folder.names() == ["adapter.gguf", "metrics.jsonl", "mine.txt"])
    _ = try RunDirectory(path: folder.path, overwrite: true)
    #expect(try folder.names() == ["mine.txt"])
  }

  @Test func clearsWhatAnInterruptedRunLeft() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("metrics.jsonl", "{}")
    _ = try RunDirectory(path: folder.path)
    #expect(try folder.names().isEmpty)
  }

  @Test func refusesAFileInItsPlace() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("out", "x")
    #expect(throws: RunDirectory.Failure.self) { try RunDirectory(path: path) }
  }

  @Test func eachStepIsOneLineAtOnce() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/metrics.jsonl"
    let log = try MetricsLog(path: path)
    let step = StepMetrics(
      step: 1, epoch: 0.5, tokens: 10, loss: 2.25, learningRate: 1e-4, gradientNorm: .nan,
      tokensPerSecond: 3, residentBytes: 4, elapsedSeconds: 5)
    try log.append(step)
    let first = try String(contentsOfFile: path, encoding: .utf8)
    #expect(
      first == """
        {"elapsed_seconds":5,"epoch":0.5,"grad_norm":"nan","learning_rate":0.0001,"loss":2.25,\
        "resident_bytes":4,"step":1,"tokens":10,"tokens_per_second":3}

        """)
    try log.append(
      ValidationMetrics(step: 1, epoch: 0.5, validationLoss: 2, elapsedSeconds: 6))
    let both = try String(contentsOfFile: path, encoding: .utf8)
    #expect(both.hasPrefix(first))
    #expect(
      both.dropFirst(first.count) == """
        {"adapters":true,"elapsed_seconds":6,"epoch":0.5,"step":1,"validation_loss":2}

        """)
  }

  @Test func theModelCardHoldsTheFactsItWasGiven() {
    var card = ModelCard(
      name: "mine", baseName: "org/\"m\"", recipe: FineTuneRecipe(), parameterCount: 123,
      trainSequences: 4, trainTokens: 5, steps: 6, elapsedSeconds: 7.25)
    #expect(!card.markdown.contains("Validation loss"))
    card.baseValidationLoss = 3
    card.validationLoss = 1.23456
    #expect(card.markdown.hasPrefix("---\nbase_model: \"org/\\\"m\\\"\"\n"))
    #expect(card.markdown.contains("| Validation loss | 3.0 (base) → 1.2346 |"))
    #expect(card.markdown.contains("| Trained values | 123 |"))
    // A card names the folder for PEFT where there is one, and says what else lies there either way.
    #expect(card.markdown.contains("library_name: peft") && card.markdown.contains("`peft/`"))
    card.hasPEFT = false
    #expect(!card.markdown.lowercased().contains("peft"))
    #expect(card.markdown.contains("`recipe.yaml`"))
  }
}
