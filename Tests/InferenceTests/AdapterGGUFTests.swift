import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import Inference

struct AdapterGGUFTests {
  @Test(arguments: [true, false])
  func roundTripsExactly(rankStabilized: Bool) throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let adapter = SmallBase.adapter(rankStabilized: rankStabilized)
    let path = "\(folder.path)/adapter.gguf"
    try adapter.writeGGUF(path: path, base: base.metadata, name: "mine")
    #expect(try Adapter(path: path, base: base) == adapter)
    #expect(try Adapter(path: folder.path, base: base) == adapter)
  }

  @Test func theFileSaysWhatLlamaCppReads() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let adapter = SmallBase.adapter()
    let path = "\(folder.path)/adapter.gguf"
    try adapter.writeGGUF(path: path, base: base.metadata, name: "mine")
    let file = try GGUFFile(path: path)
    #expect(file.metadata.string("general.type") == "adapter")
    #expect(file.metadata.string("general.architecture") == "llama")
    #expect(file.metadata.string("adapter.type") == "lora")
    // llama.cpp scales by alpha / rank: 32 / 4 = 16 / sqrt(4).
    #expect(file.metadata["adapter.lora.alpha"] == .float32(32))
    #expect(file.metadata.string("general.base_model.0.name") == "Small")
    #expect(file.tensors.count == 14)
    let a = try #require(file.tensor("blk.0.ffn_down.weight.lora_a"))
    let b = try #require(file.tensor("blk.0.ffn_down.weight.lora_b"))
    #expect(a.dimensions == [96, 4] && b.dimensions == [4, 64])
    #expect(a.format == .f32 && b.format == .f32)
    let pair = try #require(adapter.tensors.first { $0.projection == .down })
    let stored = Codec.decode(try file.matrix(b.name), rows: 0..<64)
    #expect(stored[4 * 3 + 1] == pair.bt[64 + 3])
  }

  @Test func pairsOfDifferentRanksKeepTheirScale() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let adapter = SmallBase.adapter { $0 == .key ? 1 : 4 }
    let path = "\(folder.path)/adapter.gguf"
    try adapter.writeGGUF(path: path, base: base.metadata, name: "mine")
    let again = try Adapter(path: path, base: base)
    #expect(again.alpha == 16 && again.isRankStabilized)
    // What llama.cpp computes: alpha / r, with r of the pair itself.
    let file = try GGUFFile(path: path)
    for (before, after) in zip(adapter.tensors, again.tensors) {
      #expect(SmallBase.distance(before.bt, after.bt) < 1e-6)
      let b = Codec.decode(
        try file.matrix("\(before.tensorName).lora_b"), rows: 0..<before.outputWidth)
      let alpha = try #require(file.metadata.float("adapter.lora.alpha"))
      let theirs = b[0] * alpha / Float(before.rank)
      #expect(abs(theirs - before.bt[0] * adapter.scale(rank: before.rank)) < 1e-5)
    }
  }

  /// Writes an adapter file with one pair on `blk.0.attn_q` as others would, changed by the arguments.
  private func foreign(
    _ folder: TemporaryFolder, type: String = "adapter", kind: String = "lora",
    architecture: String = "llama", alpha: Float = 8,
    tensors: [(String, [Int])] = [
      ("blk.0.attn_q.weight.lora_a", [64, 2]), ("blk.0.attn_q.weight.lora_b", [2, 64]),
    ], format: BlockFormat = .f16, value: Float = 1
  ) throws -> String {
    var metadata = GGUFMetadata()
    metadata.set("general.type", .string(type))
    metadata.set("general.architecture", .string(architecture))
    metadata.set("adapter.type", .string(kind))
    metadata.set("adapter.lora.alpha", .float32(alpha))
    let path = "\(folder.path)/foreign.gguf"
    var writer = try GGUFWriter(
      path: path, metadata: metadata,
      tensors: tensors.map {
        GGUFTensorDescription(name: $0.0, dimensions: $0.1, format: format)
      })
    for tensor in tensors {
      try writer.append(values: [Float](repeating: value, count: tensor.1.reduce(1, *)))
    }
    try writer.finish()
    return path
  }

  @Test func readsTheFilesOfLlamaCpp() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let adapter = try Adapter(path: try foreign(folder), base: base)
    #expect(adapter.alpha == 8 && !adapter.isRankStabilized && adapter.rank == 2)
    #expect(adapter.scale(rank: 2) == 4)
    #expect(adapter.tensors.first?.a == [Float](repeating: 1, count: 128))
    let plain = try Adapter(path: try foreign(folder, alpha: 0), base: base)
    #expect(plain.scale(rank: 2) == 1)
  }

  @Test func refusesWhatDoesNotFitTheBase() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let a = ("blk.0.attn_q.weight.lora_a", [64, 2])
    let b = ("blk.0.attn_q.weight.lora_b", [2, 64])
    func error(_ path: String) -> AdapterError? {
      do {
        _ = try Adapter(path: path, base: base)
        return nil
      } catch { return error }
    }
    let path = "\(folder.path)/foreign.gguf"
    #expect(
      error(try foreign(folder, type: "model")) == .notLoRA(path: path, found: "a model"))
    #expect(
      error(try foreign(folder, kind: "ia3")) == .notLoRA(path: path, found: "an adapter ia3"))
    #expect(
      error(try foreign(folder, architecture: "qwen2"))
        == .wrongArchitecture(path: path, expected: "llama", found: "qwen2"))
    #expect(
      error(try foreign(folder, tensors: [a, b, ("blk.0.attn_q.weight.lora_m", [64])]))
        == .unsupportedTensor(path: path, name: "blk.0.attn_q.weight.lora_m"))
    #expect(
      error(
        try foreign(
          folder,
          tensors: [("token_embd.weight.lora_a", [64, 2]), ("token_embd.weight.lora_b", [2, 8])]
        )) == .unsupportedTensor(path: path, name: "token_embd.weight.lora_a"))
    #expect(
      error(
        try foreign(
          folder,
          tensors: [
            ("blk.7.attn_q.weight.lora_a", [64, 2]), ("blk.7.attn_q.weight.lora_b", [2, 64]),
          ])) == .notInBase(path: path, name: "blk.7.attn_q.weight.lora_a"))
    #expect(error(try foreign(folder, tensors: [a])) == .missingHalf(path: path, name: b.0))
    #expect(error(try foreign(folder, tensors: [b])) == .missingHalf(path: path, name: a.0))
    #expect(
      error(try foreign(folder, tensors: [a, (b.0, [2, 32])]))
        == .wrongShape(path: path, name: b.0, expected: "[64, 2]", found: "[32, 2]"))
    #expect(
      error(try foreign(folder, tensors: [a, (b.0, [3, 64])]))
        == .wrongShape(path: path, name: b.0, expected: "[64, 2]", found: "[64, 3]"))
    #expect(error(try foreign(folder, value: .nan)) == .notFinite(path: path, name: a.0))
    for alpha in [Float.nan, .infinity] {
      #expect(
        error(try foreign(folder, alpha: alpha))
          == .notFinite(path: path, name: "adapter.lora.alpha"))
    }
    // The same layer a second time, spelled otherwise.
    #expect(
      error(
        try foreign(
          folder,
          tensors: [
            a, b, ("blk.00.attn_q.weight.lora_a", [64, 2]),
            ("blk.00.attn_q.weight.lora_b", [2, 64]),
          ])) == .unsupportedTensor(path: path, name: "blk.00.attn_q.weight.lora_a"))
    #expect(
      error("/nowhere")
        == .file(
          path: "/nowhere",
          reason: "no such file or folder; name the folder of a training run or an adapter file"))
    let empty = try TemporaryFolder()
    #expect(error(empty.path) == .notAnAdapter(path: empty.path))
  }
}
