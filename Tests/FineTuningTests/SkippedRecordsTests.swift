import TestSupport
import Testing

@testable import FineTuning

struct SkippedRecordsTests {
  private func bad(_ line: Int, _ reason: String) -> DataError {
    .badRecord(path: "p", line: line, reason: reason)
  }

  @Test func countsByReasonAndKeepsTheFirst() {
    var skipped = SkippedRecords()
    #expect(skipped.isEmpty && skipped.notice == nil)
    for line in 1...1000 {
      skipped.add(bad(line, "token \(line) is outside the vocabulary (0..<260)"))
    }
    skipped.add(bad(1001, "the key \"a\" stands twice"))
    skipped.add(bad(1002, "the key \"another key\" stands twice"))
    #expect(skipped.count == 1002)
    #expect(
      skipped.examples
        == (1...20).map { bad($0, "token \($0) is outside the vocabulary (0..<260)") })
    #expect(skipped.reasons.map(\.count) == [1000, 2])
    #expect(
      skipped.reasons.map(\.text) == [
        "token … is outside the vocabulary (…..<…)", "the key … stands twice",
      ])
    #expect(
      skipped.notice
        == "skipped 1002 bad records (1000: token … is outside the vocabulary (…..<…); 2: the key … stands twice); "
        + "the first: \(bad(1, "token 1 is outside the vocabulary (0..<260)").fault)")
  }

  @Test func staysSmallWhateverTheReasons() {
    var skipped = SkippedRecords()
    func name(_ index: Int) -> String { String(repeating: "x", count: index) }
    for index in 1...140 { skipped.add(bad(index, "the word \(name(index)) is odd")) }
    skipped.add(bad(200, String(repeating: "long ", count: 1000)))
    var twice = SkippedRecords()
    twice.add(skipped)
    twice.add(skipped)
    #expect(twice.count == 282 && twice.examples.count == 20)
    #expect(twice.reasons.count == 51 && twice.reasons.last?.text == "other reasons")
    #expect(twice.reasons.reduce(0) { $0 + $1.count } == 282)
    #expect(twice.reasons.allSatisfy { $0.text.count <= 160 })
    #expect(twice.notice?.count ?? 0 < 1500)
  }

  @Test func comeInTheOrderOfTheFileWhoeverFindsThem() throws {
    let folder = try TemporaryFolder()
    let good = #"{"input_ids":[1,2,3]}"#
    let lines = [
      #"{"input_ids":[1]}"#, good, #"{"input_ids":[1,999]}"#, "{", good, #"{"input_ids":[1,-5]}"#,
      "[]",
    ]
    let path = try folder.write("a.jsonl", lines.joined(separator: "\n"))
    let builder = SequenceBuilder(
      tokenizer: try SmallModel.tokenizer(), template: try SmallModel.template("none"),
      sequenceLength: 16)
    let data = try Dataset(paths: [path], builder: builder, skipBad: true)
    #expect(data.recordCount == 2 && data.lines == [2, 5])
    let places = data.skipped.examples.map { error in
      if case .badRecord(_, let line, _, _) = error { line } else { 0 }
    }
    #expect(places == [1, 3, 4, 6, 7])
    // Without --skip-bad it is the first in the file that stops the run, whoever finds it.
    for start in [0, 1, 3, 5, 6] {
      let rest = try folder.write("b.jsonl", ([good] + lines[start...]).joined(separator: "\n"))
      let first = try #require(
        #expect(throws: DataError.self) { try Dataset(paths: [rest], builder: builder) })
      guard case .badRecord(_, let line, _, _) = first else {
        Issue.record("\(first)")
        continue
      }
      #expect(line == (start == 1 ? 3 : 2))
    }
  }
}
