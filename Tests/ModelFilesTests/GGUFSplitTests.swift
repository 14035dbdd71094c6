import Foundation
import Tensors
import TestSupport
import Testing

@testable import ModelFiles

/// Models that were split over several files.
@Suite struct GGUFSplitTests {
  let folder: TemporaryFolder
  let whole: GGUFFile

  init() throws {
    folder = try TemporaryFolder()
    whole = try SyntheticModel(format: .q8_0).file()
  }

  /// Three parts, of which the second holds 3 tensors.
  private func split(
    _ change: (_ index: Int, _ part: inout SplitModel.Part) -> Void = { _, _ in }
  ) throws -> [String] {
    try SplitModel.write(
      whole, tensors: [4, 3, whole.tensors.count - 7], folder: folder.path, change: change)
  }

  private func refusal(_ path: String) throws -> GGUFError {
    try #require(throws: GGUFError.self) { try GGUFFile(path: path) }
  }

  // MARK: - Right ones

  @Test(arguments: 0..<3)
  func everyPartOpensTheWholeModel(given: Int) throws {
    let paths = try split()
    let file = try GGUFFile(path: paths[given])
    #expect(file.path == paths[given])
    #expect(file.files.map(\.path) == paths)
    #expect(file.tensors.map(\.name) == whole.tensors.map(\.name))
    #expect(file.tensors.map(\.part).prefix(8) == [0, 0, 0, 0, 1, 1, 1, 2])
    for tensor in whole.tensors {
      let found = try #require(file.tensor(tensor.name))
      #expect(found.dimensions == tensor.dimensions && found.typeID == tensor.typeID)
      #expect(
        file.file(of: found).bytes(found.fileRange)
          == whole.file(of: tensor).bytes(tensor.fileRange))
      #expect(try file.values(tensor.name) == whole.values(tensor.name))
    }
    #expect(try file.matrix(file.tensors[5].name).file.path == paths[1])
    let keys = ["split.no", "split.count", "split.tensors.count"]
    #expect(file.metadata.keys == whole.metadata.keys + keys)
  }

  @Test func theFirstPartMayHoldNoTensors() throws {
    let paths = try SplitModel.write(
      whole, tensors: [0, whole.tensors.count], folder: folder.path)
    let file = try GGUFFile(path: paths[0])
    #expect(file.tensors.map(\.name) == whole.tensors.map(\.name))
    #expect(file.tensors.allSatisfy { $0.part == 1 })
  }

  @Test func everyPartHasItsOwnAlignment() throws {
    let paths = try split { index, part in
      if index == 1 { part.metadata.set("general.alignment", .uint32(128)) }
    }
    let file = try GGUFFile(path: paths[0])
    #expect(file.alignment == 32)
    for tensor in whole.tensors {
      #expect(try file.values(tensor.name) == whole.values(tensor.name))
    }
  }

  @Test func sizeAndHashAreThoseOfAllPartsInOrder() throws {
    let paths = try split()
    var bytes: [UInt8] = []
    for path in paths { bytes += try Data(contentsOf: URL(filePath: path)) }
    let file = try GGUFFile(path: paths[1])
    #expect(file.byteCount == bytes.count)
    #expect(try file.sha256() == MappedFile(name: "joined", bytes: bytes).sha256())
    file.releasePages()
    #expect(try file.values(whole.tensors[5].name) == whole.values(whole.tensors[5].name))
  }

  @Test func theSummaryCountsAllParts() throws {
    let paths = try split()
    let summary = GGUFSummary(try GGUFFile(path: paths[0]))
    let one = GGUFSummary(whole)
    #expect(summary.parts == 3 && one.parts == 1)
    #expect(summary.parameters == one.parameters && summary.formats == one.formats)
    #expect(summary.tensors.map(\.part).prefix(8) == [1, 1, 1, 1, 2, 2, 2, 3])
    #expect(summary.tensors[4].offset < summary.tensors[3].offset)
  }

  @Test func aFileOnlyNamedLikeAPartIsRead() throws {
    let path = folder.file("model-00001-of-00002.gguf")
    try Data(GGUFBytes.valid.bytes).write(to: URL(filePath: path))
    #expect(try GGUFFile(path: path).files.count == 1)
  }

  // MARK: - Wrong ones

  @Test(arguments: 0..<3)
  func namesTheMissingPart(missing: Int) throws {
    let paths = try split()
    try FileManager.default.removeItem(atPath: paths[missing])
    let expected = GGUFError.missingPart(
      path: paths[missing], reason: "no such file or directory", number: missing + 1, count: 3)
    #expect(try refusal(paths[missing == 0 ? 1 : 0]) == expected)
    #expect(
      expected.description == "cannot read \(paths[missing]), part \(missing + 1) of 3 of a split "
        + "model: no such file or directory; put all parts into one folder")
  }

  @Test func rejectsAPartUnderAnotherName() throws {
    let paths = try split()
    let renamed = folder.file("renamed.gguf")
    try FileManager.default.moveItem(atPath: paths[2], toPath: renamed)
    #expect(try refusal(renamed) == .unnamedPart(path: renamed, count: 3))
    #expect(
      GGUFError.unnamedPart(path: "x", count: 3).description.contains("-00001-of-00003.gguf"))
  }

  @Test func rejectsAPartInThePlaceOfAnother() throws {
    let paths = try split()
    try FileManager.default.removeItem(atPath: paths[1])
    try FileManager.default.copyItem(atPath: paths[2], toPath: paths[1])
    let expected = GGUFError.contradictoryPart(
      path: paths[1], key: "split.no", found: 2, expected: 1)
    #expect(try refusal(paths[0]) == expected)
    #expect(try refusal(paths[1]) == expected)
    #expect(expected.description.contains("has split.no 2 where 1 is needed"))
  }

  @Test(arguments: ["split.no", "split.count", "split.tensors.count"])
  func rejectsAPartOfAnotherModelByItsKeys(key: String) throws {
    for value in [7, nil] as [UInt16?] {
      let paths = try split { index, part in
        guard index == 1 else { return }
        if let value { part.metadata.set(key, .uint16(value)) } else { part.metadata.remove(key) }
      }
      guard
        case .contradictoryPart(let path, key, let found, _) = try refusal(paths[0])
      else {
        Issue.record("\(key) \(String(describing: value)) is not refused")
        continue
      }
      #expect(path == paths[1] && found == value.map(Int.init))
    }
  }

  @Test func rejectsAFirstPartWithoutTheNumberOfTensors() throws {
    let paths = try split { _, part in part.metadata.remove("split.tensors.count") }
    let expected = GGUFError.contradictoryPart(
      path: paths[0], key: "split.tensors.count", found: nil, expected: nil)
    #expect(try refusal(paths[0]) == expected)
    #expect(expected.description.contains("has no split.tensors.count: "))
  }

  @Test func rejectsTooFewTensors() throws {
    let paths = try split { index, part in
      if index == 1 { part.tensors.removeLast() }
    }
    let count = whole.tensors.count
    let expected = GGUFError.wrongTensorTotal(
      path: paths[0], parts: 3, found: count - 1, expected: count)
    #expect(try refusal(paths[2]) == expected)
    #expect(expected.description.contains("hold \(count - 1) tensors where \(count) are announced"))
  }

  @Test func rejectsTooManyTensors() throws {
    let count = whole.tensors.count
    let paths = try split { _, part in
      part.metadata.set("split.tensors.count", .int32(Int32(count - 2)))
    }
    #expect(
      try refusal(paths[0])
        == .wrongTensorTotal(path: paths[0], parts: 3, found: count, expected: count - 2))
  }

  @Test func rejectsATensorInTwoParts() throws {
    let first = whole.tensors[0]
    let paths = try split { index, part in
      if index == 2 { part.tensors[0] = first }
    }
    let expected = GGUFError.tensorInTwoParts(
      name: first.name, first: paths[0], second: paths[2])
    #expect(try refusal(paths[0]) == expected)
    #expect(expected.description.hasPrefix("\(paths[0]) and \(paths[2]) both hold the tensor"))
  }

  @Test func rejectsADamagedPartWithItsOwnCause() throws {
    let paths = try split()
    let whole = try Data(contentsOf: URL(filePath: paths[1]))
    try whole.prefix(whole.count - 200).write(to: URL(filePath: paths[1]))
    guard case .tensorPastEnd(paths[1], _, _, _, whole.count - 200) = try refusal(paths[0]) else {
      Issue.record("another error than the end of the second part")
      return
    }
    var swapped = whole
    swapped.replaceSubrange(4..<8, with: [0, 0, 0, 3])
    try swapped.write(to: URL(filePath: paths[1]))
    #expect(try refusal(paths[0]) == .bigEndian(path: paths[1]))
  }

  // MARK: - Names

  @Test func namesOfPartsTellTheOthers() throws {
    let name = try #require(GGUFSplitName(path: "a/b-00002-of-00012.gguf"))
    #expect(name.prefix == "a/b" && name.index == 1 && name.count == 12)
    #expect(name.path(of: 11) == "a/b-00012-of-00012.gguf")
    #expect(name.paths.count == 12 && name.paths[1] == "a/b-00002-of-00012.gguf")
  }

  @Test(
    arguments: [
      "", "model.gguf", "a-00002-of-00012.bin", "a-0002-of-00012.gguf", "a-00013-of-00012.gguf",
      "a-00000-of-00012.gguf", "a-00001-of-00000.gguf", "-00001-of-00002.gguf",
      "a-0000x-of-00012.gguf", "a_00001-of-00012.gguf", "a-00001-of-00012.GGUF",
    ])
  func otherNamesAreNoParts(path: String) {
    #expect(GGUFSplitName(path: path) == nil)
  }
}
