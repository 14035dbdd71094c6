import Foundation
import Inference
import TestSupport
import Testing
import Tokenization

@testable import FineTuning

/// The loss of a conversation is the sum over its learned tokens that transformers computes on the same ids
/// (`scripts/reference-masks`; weights dequantized, fp32).
struct ConversationLossTests {
  @Test(.enabled(if: TestFiles.hasRealModel))
  func lossesAreThoseOfTransformers() throws {
    let reference = try JSONValue(
      parsing: Array(
        Data(contentsOf: TestFiles.root.appending(path: "Tests/Fixtures/template_masks.json"))))
    let conversations = try #require(reference["conversations"]?.elements)
    let loaded = try LoadedModel(path: TestFiles.realModel)
    let builder = SequenceBuilder(loaded, template: "auto", sequenceLength: 1024)
    let losses = try #require(reference["losses"]?.elements)
    #expect(losses.count > 6)
    for loss in losses {
      let title = loss["conversation"]?.text ?? ""
      let record = try #require(conversations.first { $0["name"]?.text == title }?["record"])
      let outcome = try builder.sequences(
        of: DataRecord(content: .conversation(Conversation(record)), line: 1), path: "p")
      let evaluation = try LikelihoodEvaluation(
        loaded.model, storage: .float32, sequences: outcome.sequences)
      let report = try evaluation.run()
      let tokens = try #require(loss["tokens"]?.double)
      #expect(Double(report.tokens) == tokens, "\(title)")
      let nll = try #require(report.nllPerToken) * tokens
      #expect(abs(nll - (loss["nll"]?.double ?? 0)) < 2e-4 * tokens, "\(title): \(nll)")
    }
  }
}
