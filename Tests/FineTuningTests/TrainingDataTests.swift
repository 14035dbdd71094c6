import TestSupport
import Testing
import Tokenization

@testable import FineTuning

struct TrainingDataTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func file(_ name: String, _ count: Int) throws -> String {
    let lines = (0..<count).map { #"{"prompt":"\#(name)\#($0)","completion":"a"}"# }
    return try folder.write(name, lines.joined(separator: "\n"))
  }

  private func load(
    _ parts: [DataPart], split: Double = 0, seed: UInt64 = 1
  ) throws -> TrainingData {
    try TrainingData(
      parts: parts,
      builder: SequenceBuilder(
        tokenizer: try SmallModel.tokenizer(), template: try SmallModel.template("none"),
        sequenceLength: 32),
      validationFraction: split, seed: seed)
  }

  @Test func allPartsAreTrainedOn() throws {
    let (a, b) = (try file("a", 10), try file("b", 4))
    let data = try load([DataPart(path: a), DataPart(path: b)])
    #expect(data.train.sequences.count == 14)
    #expect(data.train.sources.map(\.path) == [a, b])
    #expect(data.notices.isEmpty)
  }

  @Test func aShareIsASeededChoiceAndALargerWeightRepeats() throws {
    let (a, b) = (try file("a", 10), try file("b", 4))
    let parts = [DataPart(path: a, weight: 0.3), DataPart(path: b, weight: 2.5)]
    let data = try load(parts)
    #expect(data.train.sequences.count == 3 + 10)
    #expect(Set(data.train.lines.prefix(3)).count == 3)
    #expect(data.train.lines.dropFirst(3).prefix(8) == [1, 2, 3, 4, 1, 2, 3, 4])
    #expect(data.notices.count == 2, "\(data.notices)")
    #expect(Array(try load(parts).train.sequences) == Array(data.train.sequences))
    let others = try (2...9).map { try load(parts, seed: $0).train.lines }
    #expect(others.contains { $0 != data.train.lines })
  }

  @Test func noMoreIsHeldOutThanAMeanNeeds() throws {
    let data = try load([DataPart(path: try file("a", 5000))], split: 0.5)
    #expect(data.validation?.sequences.count == 2000 && data.train.sequences.count == 3000)
    #expect(data.notices.contains { $0.contains("2000 sequences are held out") }, "\(data.notices)")
  }

  @Test func whatIsValidatedOnIsNeverTrainedOnWhateverTheWeight() throws {
    let parts = [DataPart(path: try file("a", 20), weight: 3), DataPart(path: try file("b", 5))]
    let data = try load(parts, split: 0.2)
    let held = try #require(data.validation)
    #expect(held.sequences.count == 4 + 1)
    #expect(data.train.sequences.count == 3 * 16 + 4)
    let trained = Set(data.train.sequences.map(\.ids))
    #expect(!held.sequences.contains { trained.contains($0.ids) })
  }

  @Test func aLeakBetweenTrainingAndValidationIsSaid() throws {
    _ = try folder.write("train.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}")
    _ = try folder.write("valid.jsonl", "{\"text\":\"b\"}\n{\"text\":\"c\"}")
    let data = try load([DataPart(path: folder.path)])
    #expect(data.notices.count == 1)
    #expect(data.notices.first?.hasPrefix("1 of 2 validation sequences are trained on too") == true)
  }

  @Test func testFilesAreNotRead() throws {
    _ = try folder.write("train.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}")
    _ = try folder.write("test.jsonl", "{\"prompt\":\"no answer\"}")
    #expect(try load([DataPart(path: folder.path)]).train.sequences.count == 2)
  }
}
