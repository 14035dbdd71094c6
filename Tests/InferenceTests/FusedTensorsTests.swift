import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import Inference

/// Adapters of separate q, k and v on a base that fuses them, and the other way round.
struct FusedTensorsTests {
  private let parts: [Projection] = [.query, .key, .value]

  /// A base with q, k and v in one tensor, written from one that has three.
  private func fused(_ name: String, _ folder: TemporaryFolder) throws -> GGUFFile {
    let base = try GGUFFile(path: TinyFiles.path("\(name).gguf"))
    func rows(_ tensor: GGUFTensor) -> [UInt8] { base.file(of: tensor).bytes(tensor.fileRange) }
    var tensors: [(description: GGUFTensorDescription, bytes: [UInt8])] = []
    for tensor in base.tensors {
      let layer = tensor.name.split(separator: ".").dropFirst().first.flatMap { Int($0) } ?? 0
      let names = parts.map { $0.weightName(layer: layer) }
      if tensor.name == names[0] {
        let all = try names.map { try #require(base.tensor($0)) }
        let description = GGUFTensorDescription(
          name: Projection.queryKeyValue.weightName(layer: layer),
          dimensions: [tensor.dimensions[0], all.reduce(0) { $0 + $1.dimensions[1] }], format: .f32)
        tensors.append((description, all.flatMap(rows)))
      } else if !names.contains(tensor.name) {
        tensors.append((GGUFTensorDescription(tensor), rows(tensor)))
      }
    }
    let path = "\(folder.path)/fused.gguf"
    var writer = try GGUFWriter(
      path: path, metadata: base.metadata, tensors: tensors.map(\.description))
    for tensor in tensors { try writer.append(tensor.bytes) }
    try writer.finish()
    return try GGUFFile(path: path)
  }

  /// A PEFT folder of pairs in all layers.
  private func writeFolder(
    _ folder: String, _ configuration: ModelConfiguration, isRankStabilized: Bool,
    rank: (Projection) -> Int
  ) throws -> [AdapterTensors] {
    var draws = SplitMix64(seed: 12)
    let pairs = (0..<configuration.layerCount).flatMap { layer in
      (parts + [.gate, .up]).map { projection in
        let (out, `in`) = configuration.shape(of: projection)
        let rank = rank(projection)
        return AdapterTensors(
          layer: layer, projection: projection, rank: rank, inputWidth: `in`, outputWidth: out,
          a: draws.normals(rank * `in`), bt: draws.normals(rank * out))
      }
    }
    let tensors = pairs.flatMap { pair in
      let b = MatrixOrder.transposed(pair.bt, rows: pair.rank, columns: pair.outputWidth)
      let name =
        "base_model.model.model.layers.\(pair.layer).\(pair.projection.modulePath).lora_"
      return [
        ("\(name)A.weight", [pair.rank, pair.inputWidth], pair.a),
        ("\(name)B.weight", [pair.outputWidth, pair.rank], b),
      ]
    }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var writer = try SafetensorsWriter(
      path: "\(folder)/adapter_model.safetensors",
      tensors: tensors.map { SafetensorsTensorDescription(name: $0.0, shape: $0.1, format: .f32) })
    for tensor in tensors { try writer.append(values: tensor.2) }
    try writer.finish()
    let ranks = (parts + [.gate, .up]).map { "\"\($0.moduleName)\":\(rank($0))" }
    let text =
      #"{"peft_type":"LORA","r":4,"lora_alpha":8,"use_rslora":\#(isRankStabilized),"#
      + #""rank_pattern":{\#(ranks.joined(separator: ","))},"#
      + #""target_modules":["q_proj","k_proj","v_proj","gate_proj","up_proj"]}"#
    try AtomicFile.write(path: "\(folder)/adapter_config.json", text: text)
    return pairs
  }

  /// The changes of weights of one layer, one below the other.
  private func deltas(
    _ adapter: Adapter, _ pairs: [AdapterTensors], layer: Int, _ projections: [Projection]
  ) throws -> [Float] {
    try projections.flatMap { projection in
      let pair = try #require(pairs.first { $0.layer == layer && $0.projection == projection })
      return SmallBase.delta(pair, scale: adapter.scale(rank: pair.rank))
    }
  }

  @Test(
    "Separate pairs become one on a fused base, with the same change of the weights",
    arguments: [true, false])
  func separateOntoFused(isRankStabilized: Bool) throws {
    let folder = try TemporaryFolder()
    let base = try GGUFFile(path: TinyFiles.path("phi3.gguf"))
    let configuration = try ModelConfiguration(base)
    let pairs = try writeFolder(
      folder.path, configuration, isRankStabilized: isRankStabilized
    ) { $0 == .key ? 1 : 4 }
    let adapter = try Adapter(path: folder.path, base: base)
    #expect(adapter.alpha == 8 && adapter.isRankStabilized == isRankStabilized)
    #expect(
      adapter.tensors.map(\.projection)
        == (0..<configuration.layerCount).flatMap { _ in [Projection.queryKeyValue, .gateUp] })
    for (fused, parts) in [(Projection.queryKeyValue, parts), (.gateUp, [.gate, .up])] {
      for layer in 0..<configuration.layerCount {
        let expected = try deltas(adapter, pairs, layer: layer, parts)
        let found = try deltas(adapter, adapter.tensors, layer: layer, [fused])
        #expect(SmallBase.distance(found, expected) < 1e-4)
      }
    }
  }

  @Test("A fused pair is cut on a base of separate tensors, with the same change of the weights")
  func fusedOntoSeparate() throws {
    // Both models are of the same sizes.
    let folder = try TinyFiles.path("phi3-peft")
    let fused = try Adapter(path: folder, base: GGUFFile(path: TinyFiles.path("phi3.gguf")))
    let cut = try Adapter(path: folder, base: GGUFFile(path: TinyFiles.path("qwen2.gguf")))
    #expect(Set(cut.tensors.map(\.projection)) == Set(SmallBase.projections))
    for layer in 0..<2 {
      for (whole, parts) in [(Projection.queryKeyValue, parts), (.gateUp, [.gate, .up])] {
        #expect(
          try deltas(cut, cut.tensors, layer: layer, parts)
            == deltas(fused, fused.tensors, layer: layer, [whole]))
      }
    }
  }

  @Test("An adapter of PEFT computes the same on a llama whose q, k and v are one tensor")
  func sameLogitsOnAFusedLlama() throws {
    let folder = try TemporaryFolder()
    let reference = try TinyReference("llama3-rope")
    let file = try fused("llama3-rope", folder)
    let loaded = try LoadedModel(file)
    #expect(loaded.model.configuration.projections.first == .queryKeyValue)
    let adapter = try Adapter(path: TinyFiles.path("llama3-rope-peft"), base: file)
    for sequence in reference.sequences {
      #expect(try abs(TinyRun(loaded, sequence.ids, nil).meanLoss - sequence.meanNll) < 1e-4)
      let expected = try #require(sequence.adapter)
      let set = try adapter.set(for: loaded, storage: .float32)
      #expect(try TinyRun(loaded, sequence.ids, set).distance(expected.lastLogits) < 1e-4)
    }
    // Hugging Face's llama has no such module: it is written as three.
    try adapter.writePEFT(
      folder: "\(folder.path)/peft", base: loaded.model.configuration, baseName: "m")
    let separate = try LoadedModel(path: TinyFiles.path("llama3-rope.gguf"))
    let written = try Adapter(path: "\(folder.path)/peft", base: separate.file)
    #expect(written.tensors.count == 14)
    let set = try written.set(for: separate, storage: .float32)
    let expected = try #require(reference.sequences[0].adapter)
    let run = try TinyRun(separate, reference.sequences[0].ids, set)
    #expect(run.distance(expected.lastLogits) < 1e-4)
    let text = try String(
      contentsOfFile: "\(folder.path)/peft/adapter_config.json", encoding: .utf8)
    #expect(text.contains("\"q_proj\"") && !text.contains("qkv"))
  }

  @Test("A GGUF adapter of separate tensors is refused on a fused base, with what to do")
  func refusesSeparateGGUF() throws {
    let folder = try TemporaryFolder()
    let separate = try GGUFFile(path: TinyFiles.path("llama3-rope.gguf"))
    let path = "\(folder.path)/adapter.gguf"
    try Adapter(path: TinyFiles.path("llama3-rope-peft"), base: separate)
      .writeGGUF(path: path, base: separate.metadata, name: "m")
    let base = try fused("llama3-rope", folder)
    let error = AdapterError.notInBase(path: path, name: "blk.0.attn_k.weight.lora_a")
    #expect(throws: error) { try Adapter(path: path, base: base) }
    #expect(error.description.hasSuffix("use the base the adapter was trained on"))
  }
}
