import TestSupport
import Testing

@testable import FineTuning

struct DataPartTests {
  @Test(arguments: [
    ("a.jsonl", "a.jsonl", 1.0), ("a.jsonl:0.3", "a.jsonl", 0.3), ("folder:2", "folder", 2),
    ("-", "-", 1), ("-:0.5", "-", 0.5), ("C:data", "C:data", 1), (":3", ":3", 1),
    ("a:b:1e-1", "a:b", 0.1),
  ])
  func aNumberBehindTheLastColonIsAWeight(text: String, path: String, weight: Double) throws {
    #expect(try DataPart(text) == DataPart(path: path, weight: weight))
  }

  @Test func aFileOfThatNameWins() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a:0.3", "{}")
    #expect(try DataPart(path) == DataPart(path: path))
    #expect(try DataPart(path + ":0.5") == DataPart(path: path, weight: 0.5))
  }

  @Test(arguments: ["a:0", "a:-1", "a:1001", "a:inf", "a:nan"])
  func aWeightThatIsNoneIsRefused(text: String) {
    #expect(throws: DataError.badWeight(text: text)) { try DataPart(text) }
  }
}
