import Tensors
import TestSupport
import Testing
import Transformer

@testable import Inference

@Suite
struct BatchGeneratorTests {
  private let model: Model
  private let loaded: LoadedModel
  private let prompts: [[Int32]]

  init() throws {
    loaded = try LoadedModel(
      SyntheticModel(contextLength: 64, format: .q8_0, headScale: 6, seed: 3).file())
    model = loaded.model
    var random = SplitMix64(seed: 17)
    prompts = (0..<23).map { index in
      (0..<1 + (index * 7) % 19).map { _ in Int32(random.next() % 64) }
    }
  }

  /// Answers computed in different orders are the same since none hangs on rounding (`decidedAnswer`, which the first
  /// test asks of all prompts).
  private func batch(
    _ prompts: [[Int32]], maxTokens: Int = 15, ends: Set<Int32> = [2, 30, 31], slots: Int,
    promptTokens: Int = 1024, contextLength: Int? = nil
  ) throws -> [BatchAnswer] {
    try BatchGenerator(
      model, storage: .float32, prompts: prompts, maxTokens: maxTokens, ends: ends, slots: slots,
      contextLength: contextLength, promptTokens: promptTokens
    ).run()
  }

  @Test func answersEqualOneByOneGeneration() throws {
    let ends = try loaded.decoder.endOfGeneration
    let session = try GenerationSession(loaded, storage: .float32)
    let answers = try batch(prompts, ends: ends, slots: 5)
    #expect(answers.map(\.index) == Array(prompts.indices))
    for (prompt, answer) in zip(prompts, answers) {
      let alone = try session.decidedAnswer(prompt, maxTokens: 15)
      #expect(answer.ids == alone)
      #expect(answer.stopReason == session.report.stopReason)
    }
  }

  @Test func answersDoNotDependOnSlotsOrChunks() throws {
    let reference = try batch(prompts, slots: 1)
    #expect(Set(reference.map(\.stopReason)) == [.endOfTurn, .maxTokens])
    #expect(try batch(prompts, slots: 7) == reference)
    #expect(try batch(prompts, slots: 100) == reference)
    // Prompts of up to 19 tokens in chunks of 6: the later chunks look into the cache.
    #expect(try batch(prompts, slots: 4, promptTokens: 6) == reference)
  }

  @Test func answersDoNotDependOnTheOrderOfPrompts() throws {
    let reference = try batch(prompts, slots: 6)
    let reversed = try batch(prompts.reversed(), slots: 6)
    #expect(reversed.reversed().map(\.ids) == reference.map(\.ids))
  }

  @Test func everyPromptIsAnsweredOnce() throws {
    let generator = try BatchGenerator(
      model, storage: .float32, prompts: prompts, maxTokens: 9, ends: [2], slots: 4)
    var seen: [Int] = []
    while let finished = try generator.step() { seen += finished.map(\.index) }
    #expect(seen.sorted() == Array(prompts.indices))
    #expect(generator.remaining == 0)
    #expect(try generator.step() == nil)
  }

  @Test func usesFewerSlotsWhereMemoryIsShort() throws {
    let slotBytes = KeyValueCache.byteCount(
      model.configuration, slots: 1, capacity: 19 + 15, storage: .float32)
    for (cacheBytes, slots) in [(0, 1), (3 * slotBytes + 1, 3), (1 << 30, 8)] {
      let generator = try BatchGenerator(
        model, storage: .float32, prompts: prompts, maxTokens: 15, ends: [], slots: 8,
        cacheBytes: cacheBytes)
      #expect(generator.slotCount == slots)
    }
  }

  @Test func endsAtTheContext() throws {
    let answers = try batch(
      [[5, 6, 7], [8]], maxTokens: 50, ends: [], slots: 2, contextLength: 10)
    #expect(answers.map(\.stopReason) == [.contextFull, .contextFull])
    #expect(answers.map(\.ids.count) == [8, 10])
  }

  @Test func noTokensAskedForGivesEmptyAnswers() throws {
    #expect(try batch([[5, 6]], maxTokens: 0, slots: 2).map(\.ids) == [[]])
    #expect(try batch([], slots: 2).isEmpty)
  }

  @Test func refusesBadPrompts() {
    #expect(throws: InferenceError.emptyPrompt) { try batch([[1], []], slots: 2) }
    #expect(throws: InferenceError.unknownToken(id: -1, vocabulary: 64)) {
      try batch([[1, -1]], slots: 2)
    }
    #expect(throws: InferenceError.promptTooLong(tokens: 64, context: 64)) {
      try batch([Array(repeating: 3, count: 64)], slots: 2)
    }
  }
}

extension GenerationSession {
  /// The greedy answer, each token of which must lead the next likeliest by far more than the rounding of float32 (some
  /// 1e-5): then it is the same on every processor, in whatever order sums are taken.
  func decidedAnswer(_ prompt: [Int32], maxTokens: Int) throws -> [Int32] {
    try start(prompt: prompt, GenerationOptions(maxTokens: maxTokens))
    var ids: [Int32] = []
    while true {
      let piece = try next()
      // Of the token just chosen, or of the end.
      let likeliest = logits().array().max(count: 2)
      let lead = likeliest[0] - likeliest[1]
      #expect(lead > 2e-4, "after \(ids.count) tokens of \(prompt): choose another seed")
      guard let piece else { return ids }
      if let id = piece.id { ids.append(id) }
    }
  }
}

extension [Float] {
  /// The largest values, the largest first.
  func max(count: Int) -> [Float] { Array(sorted(by: >).prefix(count)) }
}
