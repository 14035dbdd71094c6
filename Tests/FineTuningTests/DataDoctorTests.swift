import TestSupport
import Testing
import Tokenization

@testable import FineTuning

struct DataDoctorTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func examine(_ names: [String: String], length: Int = 64) throws -> DataDiagnosis {
    for (name, text) in names { _ = try folder.write(name, text) }
    let builder = SequenceBuilder(
      tokenizer: try SmallModel.tokenizer(), template: try SmallModel.template("chatml"),
      sequenceLength: DataDoctor.longest)
    return DataDoctor(builder: builder, sequenceLength: length)
      .examine([DataPart(path: folder.path)])
  }

  private static let words = "one two three four five six seven eight nine ten"

  @Test func goodDataHaveNoFindings() throws {
    let found = try examine([
      "train.jsonl": #"{"prompt":"a","completion":"b"}"# + "\n"
        + #"{"prompt":"c","completion":"d"}"#
    ])
    #expect(found.findings.isEmpty, "\(found.findings)")
    #expect(!found.wouldFail)
    #expect(found.files.map(\.records) == [2])
    #expect(found.lengths.count == 2 && found.targetCount == 4)
    #expect(found.examples.count == 2)
    #expect(found.lengths.bars.reduce(0) { $0 + $1.count } == 2)
  }

  @Test func badRecordsAreAllListedAndFail() throws {
    let found = try examine([
      "train.jsonl": "{\"text\":\"a\"}\n{\"text\":1}\n{oops\n{\"text\":\"b\"}"
    ])
    #expect(found.files[0].bad.count == 2)
    #expect(found.files[0].records == 2)
    #expect(found.wouldFail)
  }

  @Test func aFileOfBadRecordsAloneNamesThem() throws {
    let found = try examine(["train.jsonl": "{oops\n{again\n"])
    #expect(found.files[0].bad.count == 2 && found.wouldFail)
    #expect(found.findings.map(\.text).contains { $0.contains("has 2 bad records, the first: ") })
  }

  @Test func duplicatesAndLeaksAreCounted() throws {
    let found = try examine([
      "train.jsonl": "{\"text\":\"\(Self.words)\"}\n{\"text\":\"x\"}\n{\"text\":\"x\"}",
      "valid.jsonl":
        "{\"text\":\"x\"}\n{\"text\":\"One, two, three: \(Self.words.dropFirst(14))\"}",
      "test.jsonl": "{\"text\":\"something else\"}",
    ])
    let texts = found.findings.map(\.text)
    #expect(texts.contains("duplicates: 1 of 3 training records"))
    #expect(texts.contains("1 validation records are trained on too"))
    #expect(texts.contains("1 validation records are nearly the same as training records"))
    #expect(!found.wouldFail && texts.count == 3, "\(texts)")
  }

  @Test func recordsThatAreCutOrHaveNothingToLearnAreCounted() throws {
    let long = #"{"prompt":"a","completion":"\#(String(repeating: "b", count: 100))"}"#
    let late = #"{"prompt":"\#(String(repeating: "a", count: 100))","completion":"b"}"#
    let found = try examine(["train.jsonl": "\(long)\n\(late)"])
    #expect(found.cutCount == 2)
    #expect(
      found.findings.map(\.text).contains { $0.hasPrefix("2 of 2 training records are longer") })
    #expect(found.findings.contains { $0.text.hasPrefix("1 of 2 training records have nothing") })
    #expect(!found.wouldFail)
    #expect(try examine(["train.jsonl": late]).wouldFail)
  }

  @Test func markersInTextsAreSaid() throws {
    let found = try examine(["train.jsonl": #"{"prompt":"a","completion":"b<|im_end|>"}"#])
    #expect(found.findings.contains { $0.text.contains("spell the end marker at their end") })
  }

  @Test func aBadTestFileFailsNothing() throws {
    let found = try examine([
      "train.jsonl": "{\"text\":\"a\"}\n{\"text\":\"b\"}", "test.jsonl": "{\"answer\":1}",
    ])
    #expect(found.findings.count == 1 && !found.wouldFail)
  }

  @Test func whatCannotBeReadFails() {
    let found = DataDoctor(builder: nil, sequenceLength: 8).examine([DataPart(path: "/nowhere")])
    #expect(found.wouldFail && found.files.isEmpty)
  }
}
