import TestSupport
import Testing
import Tokenization

@testable import FineTuning

struct DatasetTests {
  private func builder(length: Int = 16) throws -> SequenceBuilder {
    SequenceBuilder(
      tokenizer: try SmallModel.tokenizer(), template: try SmallModel.template("none"),
      sequenceLength: length)
  }

  private func lines(_ count: Int, from first: Int = 0) -> String {
    (first..<first + count).map { #"{"prompt":"q\#($0)","completion":"a"}"# }
      .joined(separator: "\n")
  }

  @Test func countsWhatWasCutDroppedAndSkipped() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "train.jsonl",
      #"""
      {"prompt":"q","completion":"a"}
      {"prompt":"q","completion":"a long answer"}
      {"prompt":"a much too long prompt","completion":"a"}
      {"prompt":"q"}
      """#)
    let data = try Dataset(paths: [path], builder: try builder(length: 8), skipBad: true)
    #expect(data.recordCount == 3)
    #expect(data.truncatedCount == 2)
    #expect(data.droppedCount == 1)
    #expect(data.skipped.count == 1)
    #expect(data.lines == [1, 2])
    #expect(Array(data.lengths) == [3, 8])
    #expect(data.notices.count == 3)
    #expect(data.targetCount == 2 + 8)
    #expect(data.sources.first?.sha256.count == 64)
    #expect(throws: DataError.self) { try Dataset(paths: [path], builder: try builder()) }
  }

  @Test func refusesDataWithoutAnyTarget() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a.jsonl", #"{"prompt":"abcdefgh","completion":"a"}"#)
    #expect(throws: DataError.noTargets(path: path, sequenceLength: 4)) {
      try Dataset(paths: [path], builder: try builder(length: 4))
    }
  }

  @Test func readsFilesOfDifferentFormatsTogether() throws {
    let folder = try TemporaryFolder()
    let first = try folder.write("train-0.jsonl", lines(2))
    let second = try folder.write("train-1.jsonl", #"{"text":"a b"}"#)
    let data = try Dataset(paths: [first, second], builder: try builder())
    #expect(data.recordCount == 3)
    #expect(Array(data.lengths) == [4, 4, 4])
  }

  @Test func aSplitIsSeededAndLosesNothing() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("train.jsonl", lines(40))
    let data = try Dataset(paths: [path], builder: try builder())
    let (train, validation) = try data.split(fraction: 0.1, seed: 3)
    let held = try #require(validation)
    #expect(held.sequences.count == 4)
    #expect((train.lines + held.lines).sorted() == Array(1...40))
    #expect(train.lines == train.lines.sorted())
    #expect(try data.split(fraction: 0.1, seed: 3).validation?.lines == held.lines)
    #expect(try data.split(fraction: 0.1, seed: 4).validation?.lines != held.lines)
    #expect(try data.split(fraction: 0, seed: 3).validation == nil)
    #expect(try data.split(fraction: 0.001, seed: 3).validation?.sequences.count == 1)
    #expect(try data.split(fraction: 0.999, seed: 3).train.sequences.count == 1)
  }

  @Test func aValidationFileStandsInForTheSplit() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("train.jsonl", lines(10))
    _ = try folder.write("valid.jsonl", lines(3, from: 50))
    _ = try folder.write("test.jsonl", "not read")
    let data = try TrainingData(
      parts: [DataPart(path: folder.path)], builder: try builder(), validationFraction: 0.5,
      seed: 1)
    #expect(data.train.sequences.count == 10)
    #expect(data.validation?.sequences.count == 3)
  }

  @Test func moreSequencesThanTheirNumbersReachAreRefused() throws {
    let error = DataError.tooManySequences(count: 1 << 31)
    #expect(throws: error) { try Dataset.checkCount(1 << 31) }
    #expect(throws: Never.self) { try Dataset.checkCount(Int(Int32.max)) }
    #expect(
      error.description
        == "2147483648 sequences are more than a data set holds (2147483647): lower the weights, or train on a part of the files"
    )
  }

  @Test func aFileAloneGivesUpAPart() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("train.jsonl", lines(10))
    let data = try TrainingData(
      parts: [DataPart(path: path)], builder: try builder(), validationFraction: 0.2, seed: 1)
    #expect(data.train.sequences.count == 8)
    #expect(data.validation?.sequences.count == 2)
  }
}
