import Foundation
import TestSupport
import Testing

@testable import Tokenization

/// Against Jinja2 in the environment that transformers makes: small templates of our own
/// (`scripts/reference-jinja`), and, where the shared folder is, whole templates of models.
struct JinjaReferenceTests {
  private func render(
    _ source: String, _ variables: [(String, JSONValue)]
  ) -> Result<[JinjaPiece], JinjaError> {
    do throws(JinjaError) {
      let template = try JinjaTemplate(source)
      return .success(
        try template.render(
          variables.map { (name: $0.0, value: JinjaValue($0.1, origin: 1)) },
          now: JinjaTemplateTests.clock))
    } catch {
      return .failure(error)
    }
  }

  private func text(_ pieces: [JinjaPiece]) -> [UInt8] { Array(pieces.map(\.text).joined().utf8) }

  private func load(_ url: URL) throws -> JSONValue {
    try JSONValue(parsing: Data(contentsOf: url))
  }

  private func items(_ value: JSONValue?) -> [JSONValue] {
    if case .array(let items)? = value { items } else { [] }
  }

  private func string(_ value: JSONValue?) -> String? {
    if case .string(let text)? = value { text } else { nil }
  }

  private func members(_ value: JSONValue?) -> [(String, JSONValue)] {
    if case .object(let members)? = value { members.map { ($0.key, $0.value) } } else { [] }
  }

  @Test func smallTemplatesRenderAsInJinja2() throws {
    let reference = try load(
      TestFiles.root.appendingPathComponent("Tests/Fixtures/jinja_expressions.json"))
    let variables = members(reference["variables"])
    let cases = items(reference["cases"])
    #expect(cases.count > 500)
    for row in cases.map(items) {
      let source = try #require(string(row[0]))
      switch render(source, variables) {
      case .success(let pieces):
        #expect(string(row[1]).map { Array($0.utf8) } == text(pieces), "\(source)")
      case .failure(let error):
        #expect(row.count == 3, "\(source): \(error)")
        if row.count == 3, let message = string(row[2]) {
          #expect(error == .raised(message: message), "\(source)")
        }
      }
    }
  }

  private static let templates: [URL] = {
    let folder = TestFiles.shared("reference/templates")
    let files = try? FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return (files ?? []).filter {
      $0.pathExtension == "json" && $0.lastPathComponent != "masks.json"
    }.sorted { $0.path < $1.path }
  }()

  @Test(.enabled(if: !templates.isEmpty), arguments: templates)
  func modelsTemplatesRenderAsInJinja2(file: URL) throws {
    let reference = try load(file)
    let source = try #require(string(reference["source"]))
    let cases = items(reference["cases"])
    #expect(cases.count >= 38)
    for row in cases {
      var variables: [(String, JSONValue)] = [("documents", .null)]
      for name in ["messages", "tools", "add_generation_prompt"] {
        variables.append((name, row[name] ?? .null))
      }
      for (name, key) in [("bos_token", "bos"), ("eos_token", "eos")] {
        if let token = reference[key], token != .null { variables.append((name, token)) }
      }
      variables += members(row["options"])
      let name = string(row["name"]) ?? ""
      switch render(source, variables) {
      case .success(let pieces):
        #expect(string(row["expected"]).map { Array($0.utf8) } == text(pieces), "\(name)")
        if let spans = row["generation_spans"] { #expect(self.spans(pieces) == spans, "\(name)") }
      case .failure(let error):
        #expect(row["expected"] == nil, "\(name): \(error)")
        if string(row["error"]?["type"]) == "TemplateError" {
          #expect(error == .raised(message: string(row["error"]?["message"]) ?? ""), "\(name)")
        }
      }
    }
  }

  /// What lies inside `{% generation %}`, in scalars.
  private func spans(_ pieces: [JinjaPiece]) -> JSONValue {
    var spans: [(Int, Int)] = []
    var start = 0
    for piece in pieces {
      let end = start + piece.text.unicodeScalars.count
      if piece.isGeneration {
        if let last = spans.indices.last, spans[last].1 == start {
          spans[last].1 = end
        } else {
          spans.append((start, end))
        }
      }
      start = end
    }
    return .array(spans.map { .array([.integer($0.0), .integer($0.1)]) })
  }
}
