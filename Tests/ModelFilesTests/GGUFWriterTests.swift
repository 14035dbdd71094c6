import Foundation
import Tensors
import Testing

@testable import ModelFiles

@Suite struct GGUFWriterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func metadata() throws -> GGUFMetadata { try GGUFBytes.valid.read().metadata }

  @Test func writesWhatWasRead() throws {
    let read = try GGUFBytes.valid.read()
    let path = folder.file("copy.gguf")
    var writer = try GGUFWriter(
      path: path, metadata: read.metadata, tensors: read.tensors.map(GGUFTensorDescription.init))
    for tensor in read.tensors {
      try writer.append(read.file(of: tensor), tensor.fileRange)
    }
    try writer.finish()
    let written = try GGUFFile(path: path)
    #expect(written.metadata == read.metadata)
    #expect(written.metadata.keys == read.metadata.keys)
    #expect(written.tensors == read.tensors)
    // The layout is canonical: the same bytes, but for the padding after the last tensor.
    let original = GGUFBytes.valid.bytes
    let copy = written.files[0].bytes(0..<written.byteCount)
    #expect(
      copy == original + [UInt8](repeating: 0, count: padded(original.count, 32) - original.count))
    #expect(folder.names == ["copy.gguf"])
  }

  @Test func takesDataInPiecesOfAnySizeAndPadsBetweenTensors() throws {
    let path = folder.file("a.gguf")
    var writer = try GGUFWriter(
      path: path, metadata: GGUFMetadata(),
      tensors: [
        GGUFTensorDescription(name: "a", dimensions: [3], format: .f32),
        GGUFTensorDescription(name: "b", dimensions: [32, 2], format: .q8_0),
        GGUFTensorDescription(name: "c", dimensions: [2], format: .bf16),
      ], alignment: 64)
    let a: [Float] = [1, -2, 3]
    for byte in a.flatMap({ GGUFBytes.integer($0.bitPattern) }) { try writer.append([byte]) }
    let row = (0..<32).map { Float($0) }
    try writer.append(values: row)
    try writer.append([])
    try writer.append(values: row)
    try writer.append(values: [0.5, 0.25])
    try writer.finish()
    let file = try GGUFFile(path: path)
    #expect(file.alignment == 64)
    #expect(file.tensors.allSatisfy { $0.offset % 64 == 0 })
    #expect(try file.vector("a") == a)
    #expect(try file.values("b").map { $0.rounded() } == row + row)
    #expect(try file.vector("c") == [0.5, 0.25])
  }

  @Test func refusesMissingAndSurplusData() throws {
    let path = folder.file("a.gguf")
    let tensors = [GGUFTensorDescription(name: "a", dimensions: [2], format: .f32)]
    let missing = GGUFError.wrongDataSize(path: path, tensor: "a", expected: 8, found: 3)
    #expect(throws: missing) {
      var short = try GGUFWriter(path: path, metadata: GGUFMetadata(), tensors: tensors)
      try short.append([1, 2, 3])
      try short.finish()
    }
    #expect(folder.names == [])

    #expect(throws: GGUFError.wrongDataSize(path: path, tensor: "a", expected: 8, found: 9)) {
      var long = try GGUFWriter(path: path, metadata: GGUFMetadata(), tensors: tensors)
      try long.append([UInt8](repeating: 0, count: 9))
    }
    #expect(throws: GGUFError.dataAfterLastTensor(path: path)) {
      var long = try GGUFWriter(path: path, metadata: GGUFMetadata(), tensors: tensors)
      try long.append([UInt8](repeating: 0, count: 8))
      try long.append([1])
    }
    #expect(folder.names == [])
  }

  @Test func leavesNothingBehindWhenDropped() throws {
    let path = folder.file("a.gguf")
    do {
      var writer = try GGUFWriter(
        path: path, metadata: GGUFMetadata(),
        tensors: [GGUFTensorDescription(name: "a", dimensions: [2], format: .f32)])
      try writer.append([1])
      #expect(folder.names.count == 1, "the temporary file")
    }
    #expect(folder.names == [])
  }

  @Test func refusesDescriptionsThatNoReaderWouldAccept() throws {
    let path = folder.file("a.gguf")
    func attempt(_ tensors: [GGUFTensorDescription], alignment: Int? = nil) -> GGUFError? {
      do {
        let writer = try GGUFWriter(
          path: path, metadata: GGUFMetadata(), tensors: tensors, alignment: alignment)
        try writer.finish()
        return nil
      } catch { return error }
    }
    func tensor(_ dimensions: [Int], _ format: BlockFormat = .f32) -> GGUFTensorDescription {
      GGUFTensorDescription(name: "t", dimensions: dimensions, format: format)
    }
    #expect(
      attempt([tensor([1]), tensor([1])]) == .duplicateTensor(path: path, name: "t"))
    #expect(attempt([tensor([])]) == .invalidDimensionCount(path: path, tensor: "t", count: 0))
    #expect(
      attempt([tensor([1, 0])])
        == .invalidDimension(path: path, tensor: "t", index: 1, found: 0))
    #expect(
      attempt([tensor([33], .q8_0)])
        == .partialBlock(path: path, tensor: "t", rowLength: 33, type: "Q8_0", blockLength: 32))
    #expect(
      attempt([tensor([1 << 40, 1 << 40])])
        == .tensorTooLarge(path: path, tensor: "t", dimensions: [1 << 40, 1 << 40]))
    #expect(attempt([], alignment: 48) == .invalidAlignment(path: path, found: "48"))
    #expect(attempt([], alignment: -1) == .invalidAlignment(path: path, found: "0"))
    #expect(folder.names == [])
  }

  @Test func namesTheSystemsReason() throws {
    let path = folder.file("missing/a.gguf")
    let error = try #require(throws: GGUFError.self) {
      let writer = try GGUFWriter(path: path, metadata: GGUFMetadata(), tensors: [])
      try writer.finish()
    }
    #expect(
      error
        == .cannotWrite(.notPermitted(path: path, reason: "no such file or directory")))
  }

  // MARK: - Real files

  @Test(.enabled(if: RealFiles.smol != nil))
  func writesTheMetadataOfARealModelUnchanged() throws {
    let original = try GGUFFile(path: #require(RealFiles.smol))
    let path = folder.file("metadata.gguf")
    let writer = try GGUFWriter(path: path, metadata: original.metadata, tensors: [])
    try writer.finish()
    let copy = try GGUFFile(path: path)
    #expect(copy.metadata == original.metadata)
    // All but the counts of the header are the same bytes, too.
    let length = 200_000
    #expect(copy.files[0].bytes(24..<length) == original.files[0].bytes(24..<length))
  }

  @Test(.enabled(if: RealFiles.stories != nil))
  func writesARealModelUnchanged() throws {
    let original = try GGUFFile(path: #require(RealFiles.stories))
    let path = folder.file("copy.gguf")
    var writer = try GGUFWriter(
      path: path, metadata: original.metadata,
      tensors: original.tensors.map(GGUFTensorDescription.init))
    for tensor in original.tensors {
      try writer.append(original.file(of: tensor), tensor.fileRange)
    }
    try writer.finish()
    let copy = try GGUFFile(path: path)
    #expect(copy.metadata == original.metadata)
    #expect(copy.tensors.map(\.name) == original.tensors.map(\.name))
    for tensor in original.tensors {
      let found = try #require(copy.tensor(tensor.name))
      #expect(
        copy.file(of: found).bytes(found.fileRange)
          == original.file(of: tensor).bytes(tensor.fileRange))
    }
  }
}
