import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Tokenization
import Transformer

@testable import Inference

@Suite
struct GenerationSessionTests {
  private func loaded(_ format: BlockFormat = .f32) throws -> LoadedModel {
    try LoadedModel(SyntheticModel(contextLength: 64, format: format, headScale: 4).file())
  }

  private let prompt: [Int32] = [1, 9, 20, 33, 7, 12, 50, 4, 4, 18, 61, 30]

  /// Logits after `ids` from a pass without any cache.
  private func uncachedLogits(_ model: Model, _ ids: [Int32]) throws -> [Float] {
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(tokens: ids.count, storage: .float32, rank: 0, checkpointing: nil))
    model.forward(TokenBatch([TokenSequence(allTargets: ids)]), adapters: nil, workspace)
    return model.logits(rows: [ids.count - 1], workspace).array()
  }

  private func expectClose(_ a: [Float], _ b: [Float], _ tolerance: Float) {
    #expect(a.count == b.count)
    let difference = zip(a, b).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    #expect(difference <= tolerance)
  }

  @Test(arguments: [BlockFormat.f32, .q8_0])
  func cachedLogitsEqualThoseOfAWholePass(format: BlockFormat) throws {
    let loaded = try loaded(format)
    for chunk in [3, 512] {
      let session = try GenerationSession(loaded, storage: .float32, chunk: chunk)
      try session.start(prompt: prompt, GenerationOptions(maxTokens: 10))
      expectClose(session.logits().array(), try uncachedLogits(loaded.model, prompt), 1e-4)
      var ids = prompt
      while let piece = try session.next(), let id = piece.id {
        ids.append(id)
      }
      // The last token was chosen from what precedes it.
      expectClose(
        session.logits().array(), try uncachedLogits(loaded.model, Array(ids.dropLast())), 1e-4)
    }
  }

  @Test func greedyTokensAreTheLikeliestOnes() throws {
    let loaded = try loaded()
    let session = try GenerationSession(loaded, storage: .float32)
    let (ids, _) = try session.generate(prompt: prompt, GenerationOptions(maxTokens: 12))
    var all = prompt
    for id in ids {
      let logits = try uncachedLogits(loaded.model, all)
      let best = logits.max() ?? 0
      #expect(logits[Int(id)] >= best - 1e-4)
      all.append(id)
    }
    #expect(session.report.promptTokens == prompt.count)
    #expect(session.report.generatedTokens == ids.count)
  }

  @Test func aSharedBeginningIsNotComputedAgain() throws {
    let session = try GenerationSession(try loaded(), storage: .float32)
    let options = GenerationOptions(maxTokens: 6)
    let first = try session.generate(prompt: prompt, options)
    let again = try session.generate(prompt: prompt, options)
    #expect(session.report.reusedTokens == prompt.count - 1)
    #expect(first.ids == again.ids && first.text == again.text)
    #expect(try session.decidedAnswer(prompt, maxTokens: 6) == first.ids)
    let other = Array(prompt.prefix(5)) + [40, 41]
    #expect(try session.decidedAnswer(other, maxTokens: 6).count <= 6)
    _ = try session.generate(prompt: prompt, options)
    let reused = try session.generate(prompt: other, options)
    #expect(session.report.reusedTokens == 5)
    let fresh = try GenerationSession(try loaded(), storage: .float32)
    #expect(try fresh.generate(prompt: other, options).ids == reused.ids)
  }

  @Test func samplingRepeatsWithItsSeed() throws {
    let session = try GenerationSession(try loaded(), storage: .float32)
    let options = GenerationOptions(maxTokens: 20, temperature: 1, topP: 0.95, seed: 11)
    let first = try session.generate(prompt: prompt, options)
    #expect(try session.generate(prompt: prompt, options).ids == first.ids)
    var other = options
    other.seed = 12
    #expect(try session.generate(prompt: prompt, other).ids != first.ids)
  }

  @Test func goesOnAfterTheEndOfTheTurnWhenAsked() throws {
    let session = try GenerationSession(try loaded(), storage: .bfloat16)
    var ended = 0
    for seed in UInt64(1)...20 {
      var options = GenerationOptions(maxTokens: 40, temperature: 3, seed: seed)
      _ = try session.generate(prompt: prompt, options)
      if session.report.stopReason == .endOfTurn { ended += 1 }
      options.ignoresEnd = true
      let ids = try session.generate(prompt: prompt, options).ids
      #expect(ids.count == 40 && session.report.stopReason == .maxTokens)
    }
    #expect(ended > 0)
  }

  @Test func endsAtTheNumberOfTokensOrAtTheContext() throws {
    let session = try GenerationSession(try loaded(), storage: .float32, contextLength: 20)
    // Sampled at a high temperature, so that an end token is unlikely to come first.
    func reason(_ maxTokens: Int) throws -> (StopReason?, Int) {
      for seed in UInt64(1)...20 {
        let options = GenerationOptions(maxTokens: maxTokens, temperature: 3, seed: seed)
        let count = try session.generate(prompt: prompt, options).ids.count
        if session.report.stopReason != .endOfTurn { return (session.report.stopReason, count) }
      }
      return (nil, 0)
    }
    #expect(try reason(4) == (.maxTokens, 4))
    #expect(try reason(0) == (.maxTokens, 0))
    #expect(try reason(100) == (.contextFull, 20 - prompt.count + 1))
  }

  @Test func refusesPromptsItCannotRun() throws {
    let session = try GenerationSession(try loaded(), storage: .float32, contextLength: 20)
    let options = GenerationOptions()
    #expect(throws: InferenceError.emptyPrompt) { try session.start(prompt: [], options) }
    #expect(throws: InferenceError.promptTooLong(tokens: 20, context: 20)) {
      try session.start(prompt: Array(repeating: 5, count: 20), options)
    }
    #expect(throws: InferenceError.unknownToken(id: 64, vocabulary: 64)) {
      try session.start(prompt: [1, 64], options)
    }
    #expect(try session.next() == nil)
  }

  @Test func stopTextsEndTheText() throws {
    let session = try GenerationSession(try loaded(), storage: .float32)
    let options = GenerationOptions(maxTokens: 30, temperature: 1, seed: 5)
    let whole = try session.generate(prompt: prompt, options).text
    let middle = whole.index(whole.startIndex, offsetBy: whole.count / 2)
    var stopping = options
    stopping.stop = [String(whole[middle...].prefix(2))]
    let cut = try session.generate(prompt: prompt, stopping)
    #expect(session.report.stopReason == .stopText)
    #expect(whole.hasPrefix(cut.text))
    #expect(!cut.text.contains(stopping.stop[0]))
  }

  @Test func aDamagedModelIsAnErrorNotAText() throws {
    let model = SyntheticModel()
    var bytes = model.bytes()
    // The last tensor is the head; a NaN in each of its rows.
    for row in 0..<model.vocabulary {
      let place = bytes.count - (row + 1) * model.width * 4
      bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0xC0, 0x7F])
    }
    let session = try GenerationSession(
      LoadedModel(GGUFFile(name: "damaged", bytes: bytes)), storage: .float32)
    #expect(throws: InferenceError.notFinite(position: prompt.count)) {
      try session.generate(prompt: prompt, GenerationOptions())
    }
  }

  // MARK: - A trained model

  struct Expected: Decodable {
    let ids: [Int32]
    let text: String
    let top: [[Double]]

    enum CodingKeys: String, CodingKey {
      case ids, text
      case top = "logits_pos15_top5"
    }
  }

  @Test(.enabled(if: TestFiles.hasStories))
  func storiesEqualAnIndependentImplementation() throws {
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: TestFiles.shared("models/stories260K.expected.json")))
    let loaded = try LoadedModel(path: TestFiles.stories)
    let session = try GenerationSession(loaded, storage: .float32)
    let options = GenerationOptions(maxTokens: expected.ids.count - 1)
    let (ids, text) = try session.generate(prompt: [1], options)
    #expect([1] + ids == expected.ids)
    #expect(text.trimmingPrefix(" ") == expected.text.trimmingPrefix(" "))

    try session.start(prompt: Array(expected.ids.prefix(16)), options)
    let logits = session.logits().array()
    for pair in expected.top {
      #expect(abs(Double(logits[Int(pair[0])]) - pair[1]) < 1e-3)
    }
  }
}
