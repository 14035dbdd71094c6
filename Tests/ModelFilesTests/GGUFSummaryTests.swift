import Foundation
import Testing

@testable import ModelFiles

@Suite struct GGUFSummaryTests {
  @Test func countsParametersAndBytesPerFormat() throws {
    let summary = GGUFSummary(try GGUFBytes.valid.read())
    #expect(summary.architecture == "llama" && summary.name == nil)
    #expect(summary.parameters == 68)
    #expect(
      summary.formats == [
        GGUFSummary.Format(name: "Q8_0", tensors: 1, values: 64, bytes: 68),
        GGUFSummary.Format(name: "F32", tensors: 1, values: 4, bytes: 16),
      ])
    #expect(summary.tensors.map(\.type) == ["F32", "Q8_0"])
    #expect(summary.tensors.allSatisfy { $0.isSupported })
  }

  @Test func abbreviatesLongValuesAndEscapesControlCharacters() throws {
    var raw = GGUFBytes()
    raw.entry("long", type: 8, GGUFBytes.text(String(repeating: "x", count: 100)))
    raw.entry("control", type: 8, GGUFBytes.text("a\n\u{1B}[2J\"é"))
    raw.entry(
      "numbers", type: 9,
      GGUFBytes.integer(UInt32(0)) + GGUFBytes.integer(UInt64(9)) + [1, 2, 3, 4, 5, 6, 7, 8, 9])
    let summary = GGUFSummary(try raw.read(), elements: 3, characters: 5)
    #expect(summary.metadata.map(\.type) == ["string", "string", "array of uint8"])
    #expect(summary.metadata[0].value == "\"xxxxx…\"")
    #expect(summary.metadata[1].value == #""a\n\u{1b}[2…""#)
    #expect(summary.metadata[2].value == "[1, 2, 3, …] (9)")
  }

  @Test func isWrittenAsJSON() throws {
    let summary = GGUFSummary(try GGUFBytes.valid.read())
    let back = try JSONDecoder().decode(
      GGUFSummary.self, from: JSONEncoder().encode(summary))
    #expect(back == summary)
  }
}
