import Foundation
import TestSupport
import Testing

@testable import Tokenization

/// Against the spans that an independent script found for templates of models in use; skipped where
/// the references are not.
struct MaskReferenceTests {
  private static let folder = "reference/templates"

  private static func json(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: Array(Data(contentsOf: TestFiles.shared("\(folder)/\(name).json"))))
  }

  /// A tokenizer whose special tokens are those that the template's markers are.
  private func tokenizer(_ markers: [String]) throws -> Tokenizer {
    try Tokenizer(TestTokenizers.bytePairs(controls: markers))
  }

  private func range(_ value: JSONValue?) -> Range<Int>? {
    guard case .array(let bounds)? = value, case .integer(let low) = bounds.first,
      case .integer(let high) = bounds.last
    else { return nil }
    return low..<high
  }

  @Test(.enabled(if: TestFiles.hasShared))
  func learnsWhatTheReferenceSays() throws {
    var checked = 0
    var rewritten = 0
    for member in try #require(try Self.json("masks").members) {
      let name = member.key
      let file = try Self.json(name)
      var template = try ChatTemplate(name: name, source: try #require(file["source"]?.text))
      guard let entries = member.value.elements, let facts = entries.first else { continue }
      template.beginning = facts["bos"]?.text
      template.end = facts["eos"]?.text
      template.clock = TemplateClock("2026-07-04T09:05:03")
      let eot = try #require(facts["eot"]?.text)
      let encoder = ConversationEncoder(template, try tokenizer([eot]))
      for entry in entries.dropFirst() {
        let conversation = try Conversation(entry)
        if entry["error"] != nil {
          #expect(throws: TokenizationError.self) { try encoder.encode(conversation) }
          continue
        }
        let encoded = try encoder.encode(conversation)
        #expect(encoded.text == entry["text"]?.text)
        guard let turns = entry["turns"]?.elements else { continue }
        // Where later messages rewrite a turn, the last one is learned, as it stands.
        let changed = turns.filter { $0["fails"]?.text?.hasPrefix("later messages") == true }
        let isMoved = name.hasPrefix("mistralai")
        let wanted =
          changed.isEmpty || isMoved
          ? turns.map { range($0["span_utf8"]) ?? range($0["located_span_utf8"]) }
          : [turns.last.flatMap { range($0["span_utf8"]) ?? range($0["located_span_utf8"]) }]
        let place = "\(name), \(entry["conversation"]?.text ?? "")"
        #expect(encoded.isRewritten == (!changed.isEmpty && !isMoved), "\(place)")
        if encoded.isRewritten { rewritten += 1 }
        #expect(encoded.learned.count == wanted.count, "\(place)")
        for (found, wanted) in zip(encoded.learned, wanted) {
          // The reference does not say where a turn without text of its own was moved to.
          if let wanted { #expect(found == wanted, "\(place)") }
        }
        checked += 1
      }
    }
    #expect(checked == 34 && rewritten == 5)
  }
}
