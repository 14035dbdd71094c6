import Foundation
import Tensors
import Testing

@testable import ModelFiles

/// Reading what is right; hostile files are in `GGUFReaderTests`.
@Suite struct GGUFFileTests {
  @Test(arguments: [2, 3] as [UInt32])
  func readsEveryValueTypeAndTensor(version: UInt32) throws {
    var raw = GGUFBytes.valid
    raw.version = version
    let file = try raw.read()
    #expect(file.version == version)
    #expect(file.metadata.count == 15)
    #expect(file.metadata.keys.first == "general.architecture")
    #expect(file.metadata.keys.last == "a.nested")
    #expect(file.metadata.string("general.architecture") == "llama")
    #expect(file.metadata["a.uint8"] == .uint8(7))
    #expect(file.metadata["a.int8"] == .int8(-1))
    #expect(file.metadata["a.uint16"] == .uint16(513))
    #expect(file.metadata["a.int16"] == .int16(-2))
    #expect(file.metadata["a.uint32"] == .uint32(70_000))
    #expect(file.metadata["a.int32"] == .int32(-70_000))
    #expect(file.metadata["a.float32"] == .float32(0.5))
    #expect(file.metadata["a.bool"] == .bool(true))
    #expect(file.metadata["a.uint64"] == .uint64(.max))
    #expect(file.metadata["a.int64"] == .int64(.min))
    #expect(file.metadata["a.float64"] == .float64(0.1))
    #expect(file.metadata.strings("a.strings") == ["one", "", "drei ü"])
    #expect(file.metadata.floats("a.floats") == [1, -2])
    #expect(file.metadata["a.nested"] == .array(.array([.uint32([1, 2]), .bool([true])])))
    #expect(file.tensors.map(\.name) == ["norm", "weight"])
    #expect(try file.vector("norm") == [1, 2, 3, 4])
    let weight = try file.matrix("weight")
    #expect(weight.rows == 2 && weight.columns == 32 && weight.format == .q8_0)
    #expect(try file.values("weight").suffix(32) == (0..<32).map { Float($0 - 16) * 2 }[...])
    #expect(file.has("norm") && !file.has("bias"))
  }

  @Test func gettersAcceptAnyIntegerWidthButNoOtherKind() throws {
    let metadata = try GGUFBytes.valid.read().metadata
    #expect(metadata.int("a.uint8") == 7)
    #expect(metadata.int("a.int64") == Int.min)
    #expect(metadata.int("a.uint64") == nil, "does not fit")
    #expect(metadata.int("a.float32") == nil)
    #expect(metadata.int("absent") == nil)
    #expect(metadata.float("a.int16") == -2)
    #expect(metadata.string("a.uint8") == nil)
    #expect(metadata.bool("a.uint8") == nil)
    #expect(metadata.ints("a.floats") == nil)
    #expect(metadata.strings("a.floats") == nil)
  }

  @Test func keepsTheGeometryOfTypesThatItCannotComputeWith() throws {
    var raw = GGUFBytes()
    raw.tensor("mx", [256, 2], type: 39)
    raw.data = [UInt8](repeating: 0, count: 272)
    let file = try raw.read()
    #expect(file.tensors[0].format == nil)
    #expect(file.tensors[0].byteCount == 272)
    #expect(file.tensors[0].typeName == "MXFP4")
    let expected = GGUFError.unsupportedFormat(path: "hostile.gguf", tensor: "mx", type: "MXFP4")
    #expect(throws: expected) { try file.matrix("mx") }
    #expect(expected.description.contains("MXFP4"))
    #expect(expected.description.contains("llama-quantize"))
  }

  @Test func refusesMissingTensorsAndOtherShapes() throws {
    var raw = GGUFBytes()
    raw.tensor("cube", [2, 2, 2])
    raw.data = [UInt8](repeating: 0, count: 32)
    let file = try raw.read()
    #expect(throws: GGUFError.missingTensor(path: "hostile.gguf", name: "x")) {
      try file.matrix("x")
    }
    #expect(
      throws: GGUFError.unexpectedShape(
        path: "hostile.gguf", tensor: "cube", dimensions: [2, 2, 2], expected: "a matrix")
    ) { try file.matrix("cube") }
    #expect(try file.values("cube").count == 8)
    #expect(throws: GGUFError.self) { try GGUFBytes.valid.read().vector("weight") }
  }

  @Test func acceptsAFileWithoutTensors() throws {
    let file = try GGUFBytes().read()
    #expect(file.tensors.isEmpty && file.metadata.count == 0)
  }

  @Test func obeysTheAlignmentOfTheMetadata() throws {
    var raw = GGUFBytes()
    raw.alignment = 128
    raw.entry("general.alignment", type: 4, GGUFBytes.integer(UInt32(128)))
    raw.tensor("a", [1])
    raw.data = GGUFBytes.integer(Float(3).bitPattern)
    let file = try raw.read()
    #expect(file.alignment == 128 && file.tensors[0].offset == 128)
    #expect(try file.vector("a") == [3])
  }

  @Test func namesTheReasonOfAFileThatCannotBeOpened() throws {
    #expect(
      throws: GGUFError.cannotOpen(path: "/nowhere/x.gguf", reason: "no such file or directory")
    ) { try GGUFFile(path: "/nowhere/x.gguf") }
    #expect(throws: GGUFError.cannotOpen(path: "/tmp", reason: "it is a folder")) {
      try GGUFFile(path: "/tmp")
    }
  }

  // MARK: - Real files

  @Test(.enabled(if: RealFiles.smol != nil))
  func readsARealModel() throws {
    let file = try GGUFFile(path: #require(RealFiles.smol))
    #expect(file.metadata.string("general.architecture") == "llama")
    #expect(file.metadata.strings("tokenizer.ggml.tokens")?.count == 49152)
    #expect(file.metadata.int("llama.block_count") == 30)
    let embedding = try file.matrix("token_embd.weight")
    #expect(embedding.rows == 49152 && embedding.columns == 576)
    #expect(try file.vector("output_norm.weight").allSatisfy { $0.isFinite && $0 != 0 })
    #expect(Codec.decode(embedding, rows: 1000..<1001).allSatisfy { abs($0) < 2 })
  }

  @Test(.enabled(if: RealFiles.stories != nil))
  func readsATinyRealModel() throws {
    let file = try GGUFFile(path: #require(RealFiles.stories))
    #expect(file.metadata.string("general.architecture") == "llama")
    for tensor in file.tensors {
      #expect(try file.values(tensor.name).allSatisfy(\.isFinite))
    }
  }
}
