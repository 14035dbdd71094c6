import Foundation
import Inference
import Tensors
import TestSupport
import Testing
import Transformer

@testable import FineTuning

@Suite
struct EvaluationLikelihoodTests {
  private let model: Model
  private let sequences: [TokenSequence]

  init() throws {
    model = try Model(SyntheticModel(contextLength: 64, format: .q8_0, headScale: 2).file())
    var random = SplitMix64(seed: 5)
    sequences = (0..<17).map { index in
      let ids = (0..<3 + (index * 5) % 23).map { _ in Int32(random.next() % 64) }
      // Targets: the second half, as completions have them; one sequence has none at all.
      let targets = ids.indices.map { place in
        index != 6 && place >= ids.count / 2 && place + 1 < ids.count ? ids[place + 1] : -1
      }
      return TokenSequence(ids: ids, targets: targets)
    }
  }

  /// −log softmax at each target, one sequence at a time, in float64 from whole logits.
  private func oracle(_ sequence: TokenSequence) throws -> Double {
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: sequence.ids.count, storage: .float32, rank: 0, checkpointing: nil))
    model.forward(TokenBatch([sequence]), adapters: nil, workspace)
    return sequence.targets.enumerated().reduce(0) { sum, pair in
      guard pair.element >= 0 else { return sum }
      let logits = model.logits(rows: [pair.offset], workspace).array().map { Double($0) }
      let maximum = logits.max() ?? 0
      let logSum = maximum + log(logits.reduce(0) { $0 + exp($1 - maximum) })
      return sum + logSum - logits[Int(pair.element)]
    }
  }

  @Test(arguments: [7, 64, 4096])
  func likelihoodsEqualAPlainSoftmaxHoweverSequencesArePacked(batchTokens: Int) throws {
    let evaluation = try LikelihoodEvaluation(
      model, storage: .float32, sequences: sequences, batchTokens: batchTokens)
    let report = try evaluation.run()
    #expect(evaluation.rows.map(\.index) == Array(sequences.indices))
    var total = 0.0
    for (row, sequence) in zip(evaluation.rows, sequences) {
      let expected = try oracle(sequence)
      #expect(try abs(#require(row.nll) - expected) < 1e-4 * max(1, expected))
      #expect(row.tokens == sequence.targetCount)
      total += expected
    }
    let count = sequences.reduce(0) { $0 + $1.targetCount }
    #expect(report.tokens == count)
    #expect(report.examples == sequences.count)
    #expect(try abs(#require(report.nllPerToken) - total / Double(count)) < 1e-4)
    #expect(try abs(#require(report.perplexity) - exp(total / Double(count))) < 1e-3)
    #expect(report.exactMatch == nil && report.perplexityError == nil)
  }

  @Test func progressEndsAtItsTotal() throws {
    let evaluation = try LikelihoodEvaluation(
      model, storage: .float32, sequences: sequences, batchTokens: 40)
    var steps: [EvaluationProgress] = []
    while let progress = try evaluation.step() { steps.append(progress) }
    #expect(steps.count > 3)
    #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.done < $1.done })
    #expect(steps.last?.done == steps.last?.total)
    #expect(steps.last?.secondsLeft == 0)
  }

  @Test func refusesDataWithoutTargetsAndSequencesBeyondTheContext() throws {
    #expect(throws: EvaluationError.noExamples) {
      try LikelihoodEvaluation(model, storage: .float32, sequences: [sequences[6]])
    }
    let long = TokenSequence(allTargets: Array(repeating: 5, count: 66))
    #expect(throws: EvaluationError.sequenceTooLong(index: 1, tokens: 65, context: 64)) {
      try LikelihoodEvaluation(model, storage: .float32, sequences: [sequences[0], long])
    }
  }

  @Test func reportsHaveTheKeysOfTheInterface() throws {
    var report = EvaluationReport(task: .nll, examples: 2, tokens: 10, seconds: 1)
    report.nllPerToken = 0.5
    report.perplexity = 1.5
    let keys = { (report: EvaluationReport) throws -> Set<String> in
      let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(report))
      return Set((object as? [String: Any] ?? [:]).keys)
    }
    #expect(
      try keys(report) == ["task", "examples", "tokens", "seconds", "nll_per_token", "perplexity"])
    report.exactMatch = 1
    report.accuracy = 1
    report.jsonMatch = 1
    report.intentAccuracy = 1
    #expect(
      try keys(report).isSuperset(
        of: ["exact_match", "accuracy", "json_match", "intent_accuracy"]))
  }

  struct Expected: Decodable {
    let nll: Double
    let tokens: Int

    enum CodingKeys: String, CodingKey {
      case nll = "tinystories_sample_nll_per_token"
      case tokens = "tinystories_sample_tokens"
    }
  }

  @Test(.enabled(if: TestFiles.hasStories))
  func storiesEqualAnIndependentImplementation() throws {
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: TestFiles.shared("models/stories260K.expected.json")))
    let loaded = try LoadedModel(path: TestFiles.stories)
    let text = try String(
      contentsOf: TestFiles.shared("data/tinystories/sample.txt"), encoding: .utf8)
    let stories = text.components(separatedBy: "<|endoftext|>")
      .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.filter { !$0.isEmpty }
    let sequences = try stories.map { story in
      TokenSequence(allTargets: Array(try loaded.tokens(text: story).prefix(512)))
    }
    let report = try LikelihoodEvaluation(
      loaded.model, storage: .float32, sequences: sequences
    ).run()
    #expect(report.tokens == expected.tokens)
    #expect(try abs(#require(report.nllPerToken) - expected.nll) < 1e-4)
  }
}
