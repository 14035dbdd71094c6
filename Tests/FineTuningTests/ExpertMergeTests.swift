import Foundation
import Inference
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import FineTuning

/// Adapters on the experts of a tiny mixture, in files and merged.
@Suite
struct ExpertMergeTests {
  private func adapter(_ base: GGUFFile) throws -> (LoadedModel, Adapter) {
    let loaded = try LoadedModel(base)
    let layout = AdapterLayout(
      loaded.model.configuration, rank: 2, alpha: 4, rankStabilized: true,
      targets: [.output, .gateExperts, .upExperts, .downExperts])
    let set = try AdapterSet(
      layout, layerCount: loaded.model.configuration.layerCount, storage: .float32,
      trainable: false)
    var random = SplitMix64(seed: 11)
    for slot in layout.slots {
      set.assign(
        slot, a: (0..<slot.rank * slot.in).map { _ in 0.2 * random.normal() },
        bt: (0..<slot.rank * slot.out).map { _ in 0.2 * random.normal() })
    }
    return (loaded, Adapter(set, of: loaded))
  }

  private func losses(_ loaded: LoadedModel, _ adapter: Adapter?) throws -> [Float] {
    let set = try adapter?.set(for: loaded, storage: .float32)
    let batch = TokenBatch([TokenSequence(allTargets: (0..<20).map { Int32(7 + 31 * $0 % 240) })])
    let workspace = try Workspace(
      loaded.model.configuration,
      WorkspaceShape(
        tokens: batch.tokenCount, storage: .float32, rank: 2, checkpointing: nil,
        adaptsExperts: set?.layout.adaptsExperts ?? false))
    loaded.model.forward(batch, adapters: set, workspace)
    return loaded.model.loss(batch, workspace)
  }

  @Test("A stack of experts is one tensor of three dimensions in adapter.gguf, and reads back")
  func roundTrips() throws {
    let folder = try TemporaryFolder()
    let base = try TinyModels.file("qwen3moe")
    let (loaded, adapter) = try adapter(base)
    let path = "\(folder.path)/adapter.gguf"
    try adapter.writeGGUF(path: path, base: base.metadata, name: "test")
    let experts = try #require(loaded.model.configuration.experts)
    let file = try GGUFFile(path: path)
    #expect(
      file.tensor("blk.0.ffn_down_exps.weight.lora_a")?.dimensions
        == [experts.width, 2, experts.count])
    #expect(
      file.tensor("blk.0.ffn_down_exps.weight.lora_b")?.dimensions == [2, 64, experts.count])
    #expect(try Adapter(path: path, base: base) == adapter)
    #expect(throws: AdapterError.noPEFTForm(path: "\(folder.path)/peft")) {
      try adapter.writePEFT(
        folder: "\(folder.path)/peft", base: loaded.model.configuration, baseName: "m")
    }
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/peft"))
  }

  @Test("Merged into float32 experts the adapter says what it said beside them")
  func mergesIntoEachExpert() throws {
    let folder = try TemporaryFolder()
    let base = try TinyModels.file("qwen3moe")
    let (loaded, adapter) = try adapter(base)
    let path = "\(folder.path)/merged.gguf"
    var merger = try Merger(base: base, adapter: adapter, type: .format(.f32), output: path)
    while try merger.next() != nil {}
    try merger.finish()
    let beside = try losses(loaded, adapter)
    let merged = try losses(LoadedModel(path: path), nil)
    let alone = try losses(loaded, nil)
    #expect(zip(beside, alone).contains { abs($0 - $1) > 0.1 })
    for (a, b) in zip(merged, beside) { #expect(abs(a - b) < 1e-3 * max(1, b)) }
  }
}

/// Adapters that no merge may take.
@Suite
struct UnmergeableAdapterTests {
  @Test("A sum that is not finite is refused, and leaves no file")
  func refusesWhatIsNotFinite() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    var pair = SmallBase.adapter().tensors[0]
    pair.a = pair.a.map { _ in 3e38 }
    pair.bt = pair.bt.map { _ in 3e38 }
    let adapter = Adapter(
      tensors: [pair], alpha: 16, isRankStabilized: true, architecture: "llama")
    let path = "\(folder.path)/merged.gguf"
    let expected = AdapterError.notFinite(path: "the merged model", name: pair.tensorName)
    #expect(throws: expected) {
      var merger = try Merger(base: base, adapter: adapter, type: .keep, output: path)
      while try merger.next() != nil {}
      try merger.finish()
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("An adapter file without a pair is refused")
  func refusesAnAdapterWithoutPairs() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let path = "\(folder.path)/empty.gguf"
    try Adapter(tensors: [], alpha: 16, isRankStabilized: true, architecture: "llama")
      .writeGGUF(path: path, base: base.metadata, name: "empty")
    #expect(throws: AdapterError.noPairs(path: path)) { try Adapter(path: path, base: base) }
  }
}
