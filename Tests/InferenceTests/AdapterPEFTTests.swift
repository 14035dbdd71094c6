import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import Inference

struct AdapterPEFTTests {
  @Test(arguments: ["llama", "qwen2"])
  func roundTripsExactly(architecture: String) throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", architecture: architecture)
    let adapter = SmallBase.adapter(architecture: architecture) { $0 == .value ? 2 : 4 }
    try adapter.writePEFT(
      folder: "\(folder.path)/peft", base: ModelConfiguration(base), baseName: "org/m")
    #expect(try folder.names(in: "peft") == ["adapter_config.json", "adapter_model.safetensors"])
    #expect(try Adapter(path: "\(folder.path)/peft", base: base) == adapter)
  }

  @Test func theRowsOfQueryAndKeyAreInHuggingFacesOrder() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let adapter = SmallBase.adapter()
    try adapter.writePEFT(folder: folder.path, base: ModelConfiguration(base), baseName: "org/m")
    let file = try SafetensorsFile(path: "\(folder.path)/adapter_model.safetensors")
    for projection in SmallBase.projections {
      let pair = try #require(adapter.tensors.first { $0.projection == projection })
      let parent = [.query, .key, .value, .output].contains(projection) ? "self_attn" : "mlp"
      let name = "base_model.model.model.layers.0.\(parent).\(projection.moduleName).lora_"
      #expect(file.tensor("\(name)A.weight")?.shape == [4, pair.inputWidth])
      #expect(try file.values("\(name)A.weight") == pair.a)
      let b = try file.values("\(name)B.weight")
      #expect(file.tensor("\(name)B.weight")?.shape == [pair.outputWidth, 4])
      for row in 0..<pair.outputWidth {
        // Heads of 32: GGUF row 32h + 2i + j is row 32h + 16j + i.
        let (head, i, j) = (row / 32, row % 32 / 2, row % 2)
        let other = projection == .query || projection == .key ? 32 * head + 16 * j + i : row
        for component in 0..<4 {
          #expect(b[other * 4 + component] == pair.bt[component * pair.outputWidth + row])
        }
      }
    }
  }

  @Test func theConfigurationIsWhatPEFTExpects() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    try SmallBase.adapter { $0 == .key ? 1 : 4 }
      .writePEFT(folder: folder.path, base: ModelConfiguration(base), baseName: "org/m")
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/adapter_config.json"))
    let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(json["peft_type"] as? String == "LORA")
    #expect(json["task_type"] as? String == "CAUSAL_LM")
    #expect(json["base_model_name_or_path"] as? String == "org/m")
    #expect(json["r"] as? Int == 4)
    #expect(json["lora_alpha"] as? Int == 16)
    #expect(json["use_rslora"] as? Bool == true)
    #expect(json["init_lora_weights"] as? Bool == true)
    #expect(json["rank_pattern"] as? [String: Int] == ["layers.0.self_attn.k_proj": 1])
    #expect(
      json["target_modules"] as? [String]
        == ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
  }

  @Test func adaptersOfSomeLayersNameTheirModulesOneByOne() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let pair = AdapterTensors(
      layer: 5, projection: .up, rank: 1, inputWidth: 64, outputWidth: 96,
      a: [Float](repeating: 1, count: 64), bt: [Float](repeating: 1, count: 96))
    let adapter = Adapter(
      tensors: [pair], alpha: 1, isRankStabilized: false, architecture: "llama")
    try adapter.writePEFT(folder: folder.path, base: ModelConfiguration(base), baseName: "m")
    let text = try String(contentsOfFile: "\(folder.path)/adapter_config.json", encoding: .utf8)
    #expect(text.contains("\"layers.5.mlp.up_proj\""))
    #expect(throws: AdapterError.self) { try Adapter(path: folder.path, base: base) }
  }

  @Test(arguments: [
    ("peft_type", "\"IA3\""), ("use_dora", "true"), ("bias", "\"all\""), ("r", "0"),
    ("modules_to_save", "[\"lm_head\"]"), ("alpha_pattern", "{\"q_proj\": 3}"),
    ("fan_in_fan_out", "true"), ("init_lora_weights", "\"pissa_niter_16\""),
    ("init_lora_weights", "\"olora\""), ("layer_replication", "[[0, 1]]"),
    ("alora_invocation_tokens", "[5]"), ("use_qalora", "true"),
  ])
  func refusesWhatIsNoPlainLoRA(key: String, value: String) throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    var fields = [
      "peft_type": "\"LORA\"", "r": "4", "lora_alpha": "8", "target_modules": "\"all\"",
    ]
    fields[key] = value
    let text = "{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ",") + "}"
    let path = try folder.write("adapter_config.json", text)
    #expect {
      try Adapter(path: folder.path, base: base)
    } throws: { error in
      if case AdapterError.unsupportedSetting(path, key, _) = error { true } else { false }
    }
  }

  @Test(
    "Modules of multimodal models are read, whose text model lies deeper",
    arguments: [
      "base_model.model.model.", "base_model.model.model.language_model.",
      "base_model.model.language_model.model.", "base_model.model.",
    ])
  func readsModulesOfMultimodalModels(prefix: String) throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    _ = try folder.write(
      "adapter_config.json",
      #"{"peft_type":"LORA","r":2,"lora_alpha":8,"target_modules":"all-linear"}"#)
    let q = "\(prefix)layers.0.self_attn.q_proj.lora_"
    var writer = try SafetensorsWriter(
      path: "\(folder.path)/adapter_model.safetensors",
      tensors: [
        SafetensorsTensorDescription(name: "\(q)A.weight", shape: [2, 64], format: .f32),
        SafetensorsTensorDescription(name: "\(q)B.weight", shape: [64, 2], format: .f32),
      ])
    let values = SmallBase.values(128, seed: 1)
    for _ in 0..<2 { try writer.append(values: values) }
    try writer.finish()
    let adapter = try Adapter(path: folder.path, base: base)
    #expect(adapter.tensors.map(\.tensorName) == ["blk.0.attn_q.weight"])
    #expect(adapter.tensors[0].a == values)
  }

  @Test(
    "The configuration's rank is that of the weights, by its patterns as PEFT reads them",
    arguments: [
      (#""r":2"#, true), (#""r":3"#, false), (#""r":8,"rank_pattern":{"q_proj":2}"#, true),
      (#""r":2,"rank_pattern":{"q_proj":4}"#, false),
      (#""r":2,"rank_pattern":{"layers.1.self_attn.q_proj":4}"#, true),
      (#""r":8,"rank_pattern":{"layers\\.[01]\\..*q_proj":2}"#, true),
    ])
  func ranksAgree(settings: String, agrees: Bool) throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let path = try folder.write(
      "adapter_config.json",
      #"{"peft_type":"LORA","lora_alpha":8,"target_modules":"all-linear",\#(settings)}"#)
    let q = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    var writer = try SafetensorsWriter(
      path: "\(folder.path)/adapter_model.safetensors",
      tensors: [
        SafetensorsTensorDescription(name: "\(q)A.weight", shape: [2, 64], format: .f32),
        SafetensorsTensorDescription(name: "\(q)B.weight", shape: [64, 2], format: .f32),
      ])
    for _ in 0..<2 { try writer.append(values: SmallBase.values(128, seed: 1)) }
    try writer.finish()
    guard !agrees else {
      #expect(try Adapter(path: folder.path, base: base).tensors.map(\.rank) == [2])
      return
    }
    let error = #expect(throws: AdapterError.self) { try Adapter(path: folder.path, base: base) }
    #expect(error?.description.hasPrefix("\(path) says rank ") == true, "\(error as Any)")
  }

  @Test("Tensors are in the order of their names, as PEFT writes them, twelve layers too")
  func writesInTheOrderOfNames() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let tensors = (0..<12).map { layer in
      AdapterTensors(
        layer: layer, projection: .up, rank: 1, inputWidth: 2, outputWidth: 3,
        a: [Float](repeating: Float(layer), count: 2), bt: [0, 0, 0])
    }
    try Adapter(tensors: tensors, alpha: 1, isRankStabilized: false, architecture: "llama")
      .writePEFT(folder: folder.path, base: ModelConfiguration(base), baseName: "m")
    let path = "\(folder.path)/adapter_model.safetensors"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
    let layers = ["0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9"]
    let places = try layers.map { layer in
      try #require(header.range(of: "layers.\(layer).mlp.up_proj.lora_A")).lowerBound
    }
    #expect(places == places.sorted())
    let values = layers.flatMap { layer in
      Data(
        ([Float(layer) ?? 0, Float(layer) ?? 0, 0, 0, 0]).flatMap { value in
          (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(8 * $0)) }
        })
    }
    #expect(Array(bytes[(8 + length)...]) == values)
  }

  @Test func refusesTensorsThatDoNotFit() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    _ = try folder.write(
      "adapter_config.json",
      #"{"peft_type":"LORA","r":2,"lora_alpha":8,"target_modules":["q_proj"]}"#)
    let q = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    func error(_ tensors: [(String, [Int])]) throws -> AdapterError? {
      var writer = try SafetensorsWriter(
        path: "\(folder.path)/adapter_model.safetensors",
        tensors: tensors.map {
          SafetensorsTensorDescription(name: $0.0, shape: $0.1, format: .bf16)
        })
      for tensor in tensors {
        try writer.append(values: [Float](repeating: 1, count: tensor.1.reduce(1, *)))
      }
      try writer.finish()
      do {
        _ = try Adapter(path: folder.path, base: base)
        return nil
      } catch { return error }
    }
    let (a, b) = ((q + "A.weight", [2, 64]), (q + "B.weight", [64, 2]))
    #expect(try error([a, b]) == nil)
    guard case .missingHalf = try error([a]) else {
      Issue.record("accepted A without B")
      return
    }
    guard case .wrongShape = try error([a, (b.0, [64, 3])]) else {
      Issue.record("accepted another rank")
      return
    }
    guard case .unsupportedTensor = try error([a, b, ("base_model.model.lm_head.weight", [1])])
    else {
      Issue.record("accepted a head")
      return
    }
    let tower = "base_model.model.model.vision_tower.encoder.layers.0.self_attn.q_proj.lora_"
    guard
      case .unsupportedTensor = try error([(tower + "A.weight", a.1), (tower + "B.weight", b.1)])
    else {
      Issue.record("took a layer that looks at pictures for one of text")
      return
    }
  }
}
