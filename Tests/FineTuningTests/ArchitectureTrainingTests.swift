import Foundation
import Inference
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import FineTuning

/// A start, some steps, the files and a merge, on models of every architecture.
struct ArchitectureTrainingTests {
  /// A recipe of a few quick steps over records of tokens, in `folder`.
  private func recipe(
    _ folder: TemporaryFolder, model: String, start: String
  ) throws -> FineTuneRecipe {
    let rows = (0..<8).map { row in
      let ids = (0..<24).map { "\(5 + (3 * row + 7 * $0 * $0) % 250)" }
      return "{\"input_ids\":[\(ids.joined(separator: ","))]}\n"
    }
    var recipe = FineTuneRecipe()
    recipe.model = model
    recipe.data = [try folder.write("data.jsonl", rows.joined())]
    recipe.output = "\(folder.path)/run"
    recipe.rank = 4
    recipe.initialization = start
    recipe.initSamples = 4
    recipe.steps = 6
    recipe.batch = 4
    recipe.lr = 5e-3
    recipe.warmup = 0
    recipe.valSplit = 0
    recipe.compute = "f32"
    return recipe
  }

  private func bytes(_ file: GGUFFile, _ tensor: GGUFTensor) -> [UInt8] {
    file.file(of: tensor).bytes(tensor.fileRange)
  }

  @Test(
    "Every architecture learns, and its adapter is the same in every form",
    arguments: TinyFiles.names)
  func learnsAndMerges(name: String) throws {
    let folder = try TemporaryFolder()
    let path = try TinyFiles.path("\(name).gguf")
    let session = try FineTuneSession(
      recipe(folder, model: path, start: "lora-one"), version: "test")
    let start = try session.makeStart(spillDirectory: folder.path)
    while try start.advance() != nil {}
    let adapters = session.trainer.adapters
    let count = adapters.layout.projections.count
    let report = start.report()
    for layer in report.layers {
      let shares = report.matrices[count * layer.layer..<count * (layer.layer + 1)]
      #expect(abs(StartReport.mean(shares.map(\.capturedShare)) - layer.capturedShare) < 1e-12)
    }
    let picture = try #require(StartPicture(report, adapters.layout.projections))
    #expect(picture.svg.components(separatedBy: "<title>blk.").count == report.matrices.count + 1)
    let before = adapters.layout.slots.map { adapters.values($0) }
    let data = try TokenBatches(
      evaluating: session.data.train.sequences, microTokens: session.memoryPlan.microTokens)
    let first = session.trainer.validate(data)
    var steps = 0
    while try session.step() != nil { steps += 1 }
    let last = session.trainer.validate(data)
    #expect(steps == 6 && last < first - 0.1, "\(first), then \(last)")
    #expect(adapters.layout.projections == session.loaded.model.configuration.projections)
    for (slot, old) in zip(adapters.layout.slots, before) {
      let new = adapters.values(slot)
      #expect(new.a != old.a, "A of \(slot.projection) in layer \(slot.layer)")
      #expect(new.bt != old.bt, "B of \(slot.projection) in layer \(slot.layer)")
    }

    // The adapter as it is written, in both forms.
    let loaded = session.loaded
    let adapter = Adapter(adapters, of: loaded)
    let base = loaded.file
    let file = "\(folder.path)/adapter.gguf"
    try adapter.writeGGUF(path: file, base: base.metadata, name: "tuned")
    try adapter.writePEFT(
      folder: "\(folder.path)/peft", base: loaded.model.configuration, baseName: "base")
    let ids = try TinyReference(name).sequences[0].ids
    let read = try Adapter(path: file, base: base)
    #expect(read == adapter)
    #expect(try Adapter(path: "\(folder.path)/peft", base: base) == adapter)
    let adapted = try TinyRun(loaded, ids, read.set(for: loaded, storage: .float32))
    #expect(try TinyRun(loaded, ids, nil).distance(adapted.lastLogits.map(Double.init)) > 1e-2)

    // Merged in float32 it predicts the same, and what has no adapter is the base's, byte for byte.
    let merged = try merge(base, adapter, .format(.f32), "\(folder.path)/merged.gguf")
    let alone = try TinyRun(LoadedModel(merged), ids, nil)
    #expect(alone.distance(adapted.lastLogits.map(Double.init)) < 1e-4)
    #expect(abs(alone.meanLoss - adapted.meanLoss) < 1e-4)
    let changed = Set(adapter.tensors.map(\.tensorName))
    #expect(merged.tensors.map(\.name) == base.tensors.map(\.name))
    for tensor in base.tensors {
      let other = try #require(merged.tensor(tensor.name))
      let isSame = bytes(base, tensor) == bytes(merged, other)
      #expect(isSame == !changed.contains(tensor.name), "\(tensor.name)")
    }
    // In 8 bits it is near.
    let rounded = try merge(base, adapter, .format(.q8_0), "\(folder.path)/rounded.gguf")
    let near = try TinyRun(LoadedModel(rounded), ids, nil)
    #expect(abs(near.meanLoss - adapted.meanLoss) < 0.1, "\(near.meanLoss)")
    for tensor in rounded.tensors where tensor.name.hasSuffix(".bias") {
      let own = try #require(base.tensor(tensor.name))
      #expect(bytes(rounded, tensor) == bytes(base, own), "\(tensor.name)")
    }
  }

  private func merge(
    _ base: GGUFFile, _ adapter: Adapter, _ type: MergeType, _ output: String
  ) throws -> GGUFFile {
    var merger = try Merger(base: base, adapter: adapter, type: type, output: output)
    while try merger.next() != nil {}
    try merger.finish()
    return try GGUFFile(path: output)
  }

  @Test(
    "A quantized base of every architecture keeps the type of each tensor when it is merged",
    arguments: TinyFiles.names)
  func keepsTypes(name: String) throws {
    let folder = try TemporaryFolder()
    let base = try GGUFFile(path: TinyFiles.path("\(name)-q8_0.gguf"))
    let loaded = try LoadedModel(base)
    let configuration = loaded.model.configuration
    var draws = SplitMix64(seed: 4)
    let adapter = Adapter(
      tensors: configuration.projections.map { projection in
        let (out, `in`) = configuration.shape(of: projection)
        return AdapterTensors(
          layer: 1, projection: projection, rank: 2, inputWidth: `in`, outputWidth: out,
          a: draws.normals(2 * `in`).map { $0 / Float(`in`).squareRoot() },
          bt: draws.normals(2 * out).map { 0.2 * $0 })
      }, alpha: 2, isRankStabilized: false, architecture: configuration.architecture)
    let merged = try merge(base, adapter, .keep, "\(folder.path)/merged.gguf")
    let changed = Set(adapter.tensors.map(\.tensorName))
    for tensor in base.tensors {
      let other = try #require(merged.tensor(tensor.name))
      #expect(other.format == tensor.format && other.dimensions == tensor.dimensions)
      let isSame = bytes(base, tensor) == bytes(merged, other)
      #expect(isSame == !changed.contains(tensor.name), "\(tensor.name)")
    }
    let ids = try TinyReference(name).sequences[0].ids
    let adapted = try TinyRun(loaded, ids, adapter.set(for: loaded, storage: .float32))
    let alone = try TinyRun(LoadedModel(merged), ids, nil)
    let expected = adapted.lastLogits.map(Double.init)
    let distance = alone.distance(expected)
    #expect(try distance < 0.1 && 3 * distance < TinyRun(loaded, ids, nil).distance(expected))
  }

  @Test(
    "EVA starts on every architecture, and training goes on from there",
    arguments: TinyFiles.names)
  func evaStarts(name: String) throws {
    let folder = try TemporaryFolder()
    let session = try FineTuneSession(
      recipe(folder, model: TinyFiles.path("\(name).gguf"), start: "eva"), version: "test")
    let start = try session.makeStart(spillDirectory: folder.path)
    while try start.advance() != nil {}
    let report = start.report()
    #expect(report.matrices.count == session.trainer.adapters.layout.slots.count)
    #expect(report.matrices.allSatisfy { $0.capturedShare > 0 && $0.startNorm == 0 })
    let data = try TokenBatches(
      evaluating: session.data.train.sequences, microTokens: session.memoryPlan.microTokens)
    let first = session.trainer.validate(data)
    while try session.step() != nil {}
    let last = session.trainer.validate(data)
    #expect(last < first - 0.1, "\(first), then \(last)")
  }
}
