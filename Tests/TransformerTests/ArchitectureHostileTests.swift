import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// Model files that lie, for every architecture: each lie is told in one sentence that names the setting or the tensor.
@Suite
struct ArchitectureHostileTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = "\(folder.path)/hostile.gguf"
  }

  /// What opening the file says; nil when it opens.
  private func refusal(_ model: EditableModel) throws -> String? {
    try model.write(path)
    return try refusal()
  }

  private func refusal() throws -> String? {
    do {
      _ = try Model(GGUFFile(path: path))
      return nil
    } catch let error as TransformerError {
      return "\(error)"
    } catch let error as GGUFError {
      return "\(error)"
    }
  }

  /// Expects that the model is refused by a sentence with one of these words.
  private func expectRefusal(_ model: EditableModel, naming words: [String], _ what: String) throws
  {
    guard let sentence = try refusal(model) else {
      Issue.record("\(what) is accepted")
      return
    }
    #expect(!sentence.contains("\n"), "\(what): \(sentence)")
    #expect(words.contains { sentence.contains($0) }, "\(what): \(sentence)")
  }

  /// Without this, refusals might have another reason.
  @Test(arguments: TinyModels.all)
  func acceptsTheModelWrittenAgain(tiny: TinyModel) throws {
    for file in [try tiny.file(), try tiny.roundedFile()] {
      #expect(try refusal(EditableModel(file)) == nil)
    }
  }

  @Test(arguments: TinyModels.ofEachArchitecture)
  func refusesImpossibleSettings(tiny: TinyModel) throws {
    let file = try tiny.file()
    let configuration = try ModelConfiguration(file)
    let name = configuration.architecture
    for setting in HostileSetting.all(name, headSize: configuration.attention.size) {
      var model = EditableModel(file)
      let key = "\(name).\(setting.key)"
      if let value = setting.value {
        model.metadata.set(key, value)
      } else {
        model.metadata.remove(key)
      }
      try expectRefusal(
        model, naming: [key], "\(key) = \(setting.value.map { "\($0)" } ?? "nothing")")
    }
  }

  @Test(arguments: TinyModels.ofEachArchitecture)
  func refusesSettingsThatTheTensorsContradict(tiny: TinyModel) throws {
    let file = try tiny.file()
    let configuration = try ModelConfiguration(file)
    let name = configuration.architecture
    let settings = HostileSetting.contradictions(
      name, layers: configuration.layerCount, headSize: configuration.attention.size)
    for setting in settings {
      var model = EditableModel(file)
      let key = "\(name).\(setting.key)"
      let value = try #require(setting.value)
      if model.metadata[key] == value { continue }
      model.metadata.set(key, value)
      try expectRefusal(model, naming: ["\(name).", "tensor "], "\(key) = \(value)")
    }
  }

  @Test func refusesFilesThatAreNoModelOfAKnownKind() throws {
    let file = try #require(TinyModels.all.first).file()
    let changes: [(String, GGUFValue?, String)] = [
      ("general.architecture", nil, "general.architecture"),
      ("general.architecture", .uint32(1), "general.architecture"),
      ("general.architecture", .string("mamba"), "\"mamba\""),
      ("general.architecture", .string(""), "\"\""),
      ("general.type", .string("adapter"), "adapter"),
    ]
    for (key, value, word) in changes {
      var model = EditableModel(file)
      if let value { model.metadata.set(key, value) } else { model.metadata.remove(key) }
      try expectRefusal(model, naming: [word], "\(key) = \(value.map { "\($0)" } ?? "nothing")")
    }
  }

  // MARK: - Tensors

  /// Whether a file may be without it: biases of projections, divisors, and heads where the embedding can take their place.
  private func isOptional(_ tensor: String, _ architecture: String) -> Bool {
    switch tensor {
    case "rope_freqs.weight": true
    case "output.weight": !["olmo2", "stablelm"].contains(architecture)
    default: tensor.hasSuffix(".bias") && !tensor.contains("norm")
    }
  }

  /// The tensors outside the blocks and those of the first and last one.
  private func examined(_ model: EditableModel, layers: Int) -> [EditableModel.Tensor] {
    model.tensors.filter { tensor in
      !tensor.name.hasPrefix("blk.") || tensor.name.hasPrefix("blk.0.")
        || tensor.name.hasPrefix("blk.\(layers - 1).")
    }
  }

  @Test(arguments: TinyModels.all)
  func refusesMissingTensors(tiny: TinyModel) throws {
    let file = try tiny.file()
    let configuration = try ModelConfiguration(file)
    for tensor in examined(EditableModel(file), layers: configuration.layerCount) {
      var model = EditableModel(file)
      model[tensor.name] = nil
      if isOptional(tensor.name, configuration.architecture) {
        #expect(try refusal(model) == nil, "\(tensor.name)")
        continue
      }
      // Without the fused tensor of the first block the file seems to have separate ones.
      let names = [tensor.name, tensor.name.replacingOccurrences(of: "attn_qkv", with: "attn_q")]
      try expectRefusal(model, naming: names, "no \(tensor.name)")
    }
  }

  @Test(arguments: TinyModels.ofEachArchitecture)
  func refusesTensorsThatNobodyUses(tiny: TinyModel) throws {
    let file = try tiny.file()
    let configuration = try ModelConfiguration(file)
    let width = configuration.width
    var extra: [EditableModel.Tensor] = [
      .init("extra.weight", [width]), .init("blk.0.attn_sinks.weight", [4]),
      .init("blk.0.ffn_gate_shexp.weight", [width, 32]),
      .init("blk.0.layer_output_norm.weight", [width]),
      .init("blk.\(configuration.layerCount).attn_norm.weight", [width]),
      .init("blk.0.attn_rot_embd", [width]),
    ]
    if configuration.architecture != "qwen2" {
      extra.append(.init("output.bias", [configuration.vocabularySize]))
    }
    if configuration.normalization == .rootMeanSquare {
      extra.append(.init("output_norm.bias", [width]))
    }
    if configuration.architecture == "gemma2" {
      extra.append(.init("output.weight", [width, configuration.vocabularySize]))
    }
    if ["gemma2", "gemma3", "olmo2"].contains(configuration.architecture) {
      extra.append(.init("blk.0.attn_q.bias", [configuration.queryWidth]))
    }
    var broken = EditableModel(file)
    broken["two\nlines"] = EditableModel.Tensor("two\nlines", [1])
    try expectRefusal(broken, naming: ["two\\u{a}lines"], "a name of two lines")
    for tensor in extra {
      var model = EditableModel(file)
      #expect(model[tensor.name] == nil)
      model[tensor.name] = tensor
      try expectRefusal(model, naming: [tensor.name], "an extra \(tensor.name)")
    }
  }

  @Test(arguments: TinyModels.all)
  func refusesTensorsOfOtherShapes(tiny: TinyModel) throws {
    let file = try tiny.file()
    let configuration = try ModelConfiguration(file)
    for tensor in examined(EditableModel(file), layers: configuration.layerCount) {
      let dimensions = tensor.dimensions
      var others: [[Int]] = [[dimensions[0] + 32] + dimensions.dropFirst()]
      others.append(Array(dimensions.reversed()))
      // More rows of the embedding are a larger vocabulary, which a head of its own contradicts.
      if tensor.name != "token_embd.weight" || !configuration.tiedHead {
        others.append(dimensions.dropLast() + [(dimensions.last ?? 0) + 2])
      }
      others.append([2] + dimensions)
      others.append([dimensions.reduce(1, *)])
      for other in others where other != dimensions {
        var model = EditableModel(file)
        model[tensor.name] = EditableModel.Tensor(tensor.name, other)
        let names =
          tensor.name == "token_embd.weight" ? [tensor.name, "output.weight"] : [tensor.name]
        try expectRefusal(model, naming: names, "\(tensor.name) of shape \(other)")
      }
    }
  }

  @Test(arguments: TinyModels.ofEachArchitecture)
  func refusesTensorsOfTypesThatAreNotComputedWith(tiny: TinyModel) throws {
    let file = try tiny.file()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file.path))
    for tensor in file.tensors
    where tensor.name.hasPrefix("blk.0.") || !tensor.name.hasPrefix("blk.") {
      var changed = bytes
      // The length of the name, itself, the number of dimensions, they, the type. Whole numbers are as long as float32 ones.
      let length = withUnsafeBytes(of: UInt64(tensor.name.utf8.count).littleEndian) { Data($0) }
      let name = try #require(bytes.range(of: length + Data(tensor.name.utf8)))
      let type = name.upperBound + 4 + 8 * tensor.dimensions.count
      #expect(changed[type] == 0)
      changed[type] = 26
      try changed.write(to: URL(fileURLWithPath: path))
      let sentence = try #require(try refusal(), "\(tensor.name) is accepted")
      #expect(sentence.contains(tensor.name) && !sentence.contains("\n"), "\(sentence)")
    }
  }

  /// Divisors of the frequencies.
  private static let divisors = TinyModels.all.filter { tiny in
    (try? tiny.file().tensors.contains { $0.name.hasPrefix("rope_") }) ?? true
  }

  @Test(arguments: divisors)
  func refusesDivisorsThatAreNoNumbersAboveZero(tiny: TinyModel) throws {
    let file = try tiny.file()
    for tensor in file.tensors where tensor.name.hasPrefix("rope_") {
      for value in [Float.nan, .infinity, 0, -1, .leastNonzeroMagnitude, 1e-3] {
        var model = EditableModel(file)
        var values = try file.values(tensor.name)
        values[0] = value
        model[tensor.name]?.values = values
        try expectRefusal(model, naming: [tensor.name], "\(tensor.name) with \(value)")
      }
    }
  }

  // MARK: - Damage

  /// Any byte of the settings may be any other: the file is refused in one sentence, or it is a model that runs.
  @Test(arguments: TinyModels.ofEachArchitecture)
  func damagedSettingsAreRefusedOrRun(tiny: TinyModel) throws {
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: tiny.file().path)))
    // The settings of the architecture come before those of the tokenizer.
    let tokenizer = try #require(
      Data(bytes).range(of: Data("tokenizer.ggml.model".utf8))?.lowerBound)
    var random = SplitMix64(seed: 17)
    var (refused, run) = (0, 0)
    for _ in 0..<200 {
      var changed = bytes
      let place = Int.random(in: 24..<tokenizer, using: &random)
      changed[place] = UInt8.random(in: 0...255, using: &random)
      do {
        let file = try GGUFFile(name: "hostile.gguf", bytes: changed)
        var model = try Model(file)
        let batch = TokenBatch([TokenSequence(allTargets: [1, 2, 3, 4, 5])])
        model.prepare(forSequencesOf: batch.tokenCount)
        let workspace = try Workspace(
          model.configuration,
          WorkspaceShape(tokens: 5, storage: .bfloat16, rank: 0, checkpointing: .recompute))
        model.forward(batch, adapters: nil, workspace)
        _ = model.loss(batch, workspace, gradientWeight: 1)
        model.backward(batch, adapters: nil, workspace)
        run += 1
      } catch {
        #expect(error is GGUFError || error is TransformerError)
        #expect(!"\(error)".contains("\n"), "\(error)")
        refused += 1
      }
    }
    #expect(refused > 0 && run > 0)
  }
}
