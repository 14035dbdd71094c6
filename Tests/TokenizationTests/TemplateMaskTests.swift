import Foundation
import ModelFiles
import TestSupport
import Testing

@testable import Tokenization

/// Token by token against what transformers and tokenizers make of the same conversations
/// (`scripts/reference-masks`); skipped where the real model or the templates are not.
struct TemplateMaskTests {
  private static let file = TestFiles.root.appending(path: "Tests/Fixtures/template_masks.json")
  private static let canRun = TestFiles.hasShared && TestFiles.hasRealModel

  private func template(_ name: String) throws -> ChatTemplate {
    let file = try JSONValue(
      parsing: Array(Data(contentsOf: TestFiles.shared("reference/templates/\(name).json"))))
    var template = try ChatTemplate(name: name, source: try #require(file["source"]?.text))
    template.beginning = file["bos"]?.text
    template.end = file["eos"]?.text
    return template
  }

  /// SmolLM2's vocabulary with the markers that it lacks added behind it.
  private func tokenizer(_ base: TokenizerDescription, _ markers: [String]) throws -> Tokenizer {
    var description = base
    let known = Set(base.tokens)
    for marker in markers where !known.contains(marker) {
      description.tokens.append(marker)
      description.tokenKinds.append(3)
    }
    description.scores = []
    return try Tokenizer(description)
  }

  @Test(.enabled(if: canRun)) func learnsTheSameTokens() throws {
    let reference = try JSONValue(parsing: Array(Data(contentsOf: Self.file)))
    let base = try TokenizerDescription(GGUFFile(path: TestFiles.realModel).metadata)
    let conversations = try #require(reference["conversations"]?.elements)
    var encoders: [String: ConversationEncoder] = [:]
    for member in try #require(reference["markers"]?.members) {
      let markers = (member.value.elements ?? []).compactMap(\.text)
      encoders[member.key] = ConversationEncoder(
        try template(member.key), try tokenizer(base, markers))
    }
    var compared = 0
    for mask in try #require(reference["masks"]?.elements) {
      let (name, title) = (mask["template"]?.text ?? "", mask["conversation"]?.text ?? "")
      let encoder = try #require(encoders[name])
      let record = try #require(conversations.first { $0["name"]?.text == title }?["record"])
      let conversation = try Conversation(record)
      if mask["error"] != nil {
        #expect(throws: TokenizationError.self) { try encoder.encode(conversation) }
        continue
      }
      let encoded = try encoder.encode(conversation)
      let ids = (mask["ids"]?.elements ?? []).compactMap(\.double).map { Int32($0) }
      var isTarget = ids.map { _ in false }
      for range in mask["learned"]?.elements ?? [] {
        let bounds = (range.elements ?? []).compactMap(\.double).map { Int($0) }
        for place in bounds[0]..<bounds[1] { isTarget[place] = true }
      }
      #expect(encoded.ids == ids, "\(name), \(title)")
      #expect(encoded.isTarget == isTarget, "\(name), \(title): \(encoded.text)")
      compared += 1
    }
    #expect(compared > 60)
  }
}
