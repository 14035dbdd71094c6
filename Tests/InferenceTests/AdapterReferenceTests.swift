import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import Inference

/// Adapters that PEFT's layout describes, on models of several architectures, against the numbers of PEFT.
struct AdapterReferenceTests {
  /// Logits, losses and gradients of an adapter folder.
  private func check(
    _ loaded: LoadedModel, _ adapter: Adapter, _ ids: [Int32], logits: [Double], nll: [Double],
    gradients: [String: TinyReference.Gradient]?
  ) throws {
    let configuration = loaded.model.configuration
    let layout = AdapterLayout(
      configuration, rank: adapter.rank, alpha: adapter.alpha,
      rankStabilized: adapter.isRankStabilized, targets: configuration.projections)
    let set = try AdapterSet(
      layout, layerCount: configuration.layerCount, storage: .float32, trainable: true)
    try #require(layout.slots.count == adapter.tensors.count)
    for (slot, pair) in zip(layout.slots, adapter.tensors) {
      #expect(slot.layer == pair.layer && slot.projection == pair.projection)
      set.assign(slot, a: pair.a, bt: pair.bt)
    }
    let run = try TinyRun(loaded, ids, set, backward: true)
    #expect(run.distance(logits) < 1e-4)
    try #require(run.losses.count == nll.count)
    #expect(abs(run.meanLoss - nll.reduce(0, +) / Double(nll.count)) < 1e-4)
    for (loss, value) in zip(run.losses, nll) {
      #expect(abs(Double(loss) - value) < 1e-4 * max(1, value))
    }
    guard let gradients else { return }
    #expect(gradients.count == 2 * set.layout.slots.count)
    for slot in set.layout.slots {
      let name = "base_model.model.model.layers.\(slot.layer).\(slot.projection.modulePath).lora_"
      let found = try #require(set.gradientValues(of: slot))
      let b = MatrixOrder.transposed(found.bt, rows: slot.rank, columns: slot.out)
      for (half, values, columns) in [("A", found.a, slot.in), ("B", b, slot.rank)] {
        let expected = try #require(gradients["\(name)\(half).weight"])
        let norm = values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(norm / expected.fro - 1) < 1e-4, "\(name)\(half)")
        let largest = values.reduce(0) { max($0, abs($1)) }
        #expect(abs(Double(largest) / expected.max - 1) < 1e-4, "\(name)\(half)")
        // Row 0 is row 0 in both orders.
        #expect(expected.row0.count == min(8, columns))
        for (value, reference) in zip(values, expected.row0) {
          #expect(abs(Double(value) - reference) < 1e-4 * expected.max, "\(name)\(half)")
        }
      }
    }
  }

  @Test("An adapter of PEFT computes what PEFT computes with it", arguments: TinyFiles.adapted)
  func computesWhatPEFTComputes(name: String) throws {
    let reference = try TinyReference(name)
    let loaded = try LoadedModel(path: TinyFiles.path("\(name).gguf"))
    let adapter = try Adapter(path: TinyFiles.path("\(name)-peft"), base: loaded.file)
    #expect(adapter.rank == 4)
    for sequence in reference.sequences {
      let expected = try #require(sequence.adapter)
      #expect(adapter.scale(rank: 4) == expected.scale)
      try check(
        loaded, adapter, sequence.ids, logits: expected.lastLogits, nll: expected.nllPerTarget,
        gradients: expected.grads)
    }
    // And the adapter matters.
    let base = try TinyRun(loaded, reference.sequences[0].ids, nil)
    let expected = try #require(reference.sequences[0].adapter)
    #expect(base.distance(expected.lastLogits) > 0.05)
  }

  @Test("PEFT to Scion to PEFT is the same file of weights", arguments: TinyFiles.adapted)
  func weightsOfPEFTRoundTrip(name: String) throws {
    let folder = try TemporaryFolder()
    let base = try GGUFFile(path: TinyFiles.path("\(name).gguf"))
    let model = try ModelConfiguration(base)
    let theirs = try TinyFiles.path("\(name)-peft")
    let adapter = try Adapter(path: theirs, base: base)
    let ours = "\(folder.path)/ours"
    try adapter.writePEFT(folder: ours, base: model, baseName: "tiny \(name)")
    func bytes(_ path: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: path))
    }
    let weights = "adapter_model.safetensors"
    #expect(try bytes("\(ours)/\(weights)") == bytes("\(theirs)/\(weights)"))
    // PEFT writes every setting that it has, Scion those of a plain adapter: what both write is the same.
    func settings(_ folder: String) throws -> [String: NSObject] {
      let json = try JSONSerialization.jsonObject(with: bytes("\(folder)/adapter_config.json"))
      var settings = try #require(json as? [String: NSObject])
      let modules = settings["target_modules"] as? [String]
      settings["target_modules"] = try #require(modules).sorted() as NSArray
      return settings
    }
    let (written, read) = (try settings(ours), try settings(theirs))
    for (key, value) in written { #expect(read[key] == value, "\(key)") }
    let defaults = read.filter { written[$0.key] == nil }
    for (key, value) in defaults {
      #expect(value == NSNull() || value == false as NSNumber, "\(key)")
    }

    // A folder of Scion's own comes back whole.
    let again = "\(folder.path)/again"
    try Adapter(path: ours, base: base).writePEFT(
      folder: again, base: model, baseName: "tiny \(name)")
    for file in try folder.names(in: "ours") {
      #expect(try bytes("\(ours)/\(file)") == bytes("\(again)/\(file)"), "\(file)")
    }
  }

  @Test("PEFT to GGUF to PEFT keeps every value and the scale", arguments: TinyFiles.adapted)
  func throughGGUFAndBack(name: String) throws {
    let folder = try TemporaryFolder()
    let base = try GGUFFile(path: TinyFiles.path("\(name).gguf"))
    let adapter = try Adapter(path: TinyFiles.path("\(name)-peft"), base: base)
    let path = "\(folder.path)/adapter.gguf"
    try adapter.writeGGUF(path: path, base: base.metadata, name: name)
    #expect(try Adapter(path: path, base: base) == adapter)
  }

  /// The numbers of other tiny models, beside the package.
  private struct SharedReference: Decodable {
    struct PEFT: Decodable {
      let scale: Float
      let ggufAlpha: Float
      let sequences: [Sequence]
    }

    struct Sequence: Decodable {
      let ids: [Int32]
      let nllPerTarget: [Double]
      let lastLogits: [Double]
    }

    let peft: PEFT
  }

  @Test(
    "The reference adapters beside the package compute PEFT's numbers, and become llama.cpp's files",
    .enabled(if: TestFiles.hasSharedArchitectures, "shared/reference is not beside the package"),
    arguments: TinyFiles.adapted)
  func sharedAdaptersAgree(name: String) throws {
    func path(_ end: String) -> String {
      TestFiles.shared("reference/architectures/\(name)\(end)").path
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let reference = try decoder.decode(
      SharedReference.self, from: Data(contentsOf: URL(fileURLWithPath: path(".json")))
    ).peft
    let loaded = try LoadedModel(path: path(".gguf"))
    let adapter = try Adapter(path: path("-peft"), base: loaded.file)
    #expect(adapter.scale(rank: adapter.rank) == reference.scale)
    for expected in reference.sequences {
      try check(
        loaded, adapter, expected.ids, logits: expected.lastLogits, nll: expected.nllPerTarget,
        gradients: nil)
    }

    let folder = try TemporaryFolder()
    let written = "\(folder.path)/adapter.gguf"
    try adapter.writeGGUF(path: written, base: loaded.file.metadata, name: name)
    let (ours, theirs) = (try GGUFFile(path: written), try GGUFFile(path: path("-lora.gguf")))
    #expect(Set(ours.tensors.map(\.name)) == Set(theirs.tensors.map(\.name)))
    for tensor in theirs.tensors {
      #expect(ours.tensor(tensor.name)?.dimensions == tensor.dimensions, "\(tensor.name)")
      let values = try [ours, theirs].map { file in
        let matrix = try file.matrix(tensor.name)
        return Codec.decode(matrix, rows: 0..<matrix.rows)
      }
      #expect(values[0] == values[1], "\(tensor.name)")
    }
    // llama.cpp's converter knows no rank-stabilised adapters: what it should have written.
    #expect(ours.metadata.float("adapter.lora.alpha") == reference.ggufAlpha)
    for key in ["general.type", "general.architecture", "adapter.type"] {
      #expect(ours.metadata.string(key) == theirs.metadata.string(key), "\(key)")
    }
    #expect(try Adapter(path: path("-lora.gguf"), base: loaded.file).tensors == adapter.tensors)
  }

  @Test("A pair may have a higher rank than its weight's smaller side")
  func rankAboveTheSmallerSide() throws {
    let loaded = try LoadedModel(path: TinyFiles.path("qwen2.gguf"))
    var draws = SplitMix64(seed: 6)
    // 32 keys of 64 inputs.
    let pair = AdapterTensors(
      layer: 1, projection: .key, rank: 80, inputWidth: 64, outputWidth: 32,
      a: draws.normals(80 * 64).map { 0.1 * $0 }, bt: draws.normals(80 * 32).map { 0.1 * $0 })
    func adapter(_ pairs: [AdapterTensors]) -> Adapter {
      Adapter(tensors: pairs, alpha: 80, isRankStabilized: false, architecture: "qwen2")
    }
    // The same change of rank 32: B·A itself behind the unit matrix.
    var unit = [Float](repeating: 0, count: 32 * 32)
    for index in 0..<32 { unit[33 * index] = 32 / 80 }
    let same = AdapterTensors(
      layer: 1, projection: .key, rank: 32, inputWidth: 64, outputWidth: 32,
      a: SmallBase.delta(pair, scale: 1), bt: unit)
    let ids = try TinyReference("qwen2").sequences[0].ids
    let runs = try [pair, same].map { pair in
      try TinyRun(loaded, ids, adapter([pair]).set(for: loaded, storage: .float32))
    }
    let expected = runs[1].lastLogits.map(Double.init)
    #expect(runs[0].distance(expected) < 1e-5)
    #expect(try TinyRun(loaded, ids, nil).distance(expected) > 1e-3)
  }
}
