import TestSupport
import Testing

@testable import FineTuning

struct DataSourceTests {
  @Test func aFileIsTrainedOnAlone() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("anything.jsonl", "{}")
    let source = try DataSource(path: file)
    #expect(source.train == [file])
    #expect(source.validation.isEmpty && source.test.isEmpty)
  }

  @Test(arguments: ["valid", "validation", "val", "dev"])
  func aFolderHasValidationUnderAnyOfItsNames(name: String) throws {
    let folder = try TemporaryFolder()
    let train = try folder.write("train.jsonl", "{}")
    let valid = try folder.write("\(name).jsonl", "{}")
    let test = try folder.write("test.jsonl", "{}")
    _ = try folder.write("README.md", "x")
    let source = try DataSource(path: folder.path + "/")
    #expect(source.train == [train])
    #expect(source.validation == [valid])
    #expect(source.test == [test])
  }

  @Test func shardsAreTakenInOrderOfTheirNumbers() throws {
    let folder = try TemporaryFolder()
    for number in [10, 2, 0] { _ = try folder.write("train-\(number).jsonl", "{}") }
    let source = try DataSource(path: folder.path)
    #expect(
      source.train == [0, 2, 10].map { "\(folder.path)/train-\($0).jsonl" })
  }

  @Test func aFolderWithoutTrainingFileIsRefused() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("test.jsonl", "{}")
    #expect(throws: DataError.noTrainingFile(folder: folder.path)) {
      try DataSource(path: folder.path)
    }
  }

  @Test func aPathThatIsNotThereIsRefused() throws {
    #expect(throws: DataError.self) { try DataSource(path: "/nowhere/at/all.jsonl") }
  }
}
