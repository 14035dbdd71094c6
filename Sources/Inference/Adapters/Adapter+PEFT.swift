internal import Foundation
public import ModelFiles
public import Transformer

/// Adapters in Hugging Face PEFT's form: a folder with `adapter_config.json` and `adapter_model.safetensors`.
///
/// Keys `base_model.model.model.layers.{i}.self_attn.q_proj.lora_A.weight` and so on; A `[r, in]`, B `[out, r]`, F32. The rows of
/// B for q and k are un-permuted when the base's architecture permutes them (see `RowOrder`), and permuted when read; where the
/// base fuses tensors that Hugging Face's model does not, or the other way round, pairs are cut or joined (`FusedTensors`).
extension Adapter {
  private static let configurationName = "adapter_config.json"
  private static let weightsName = "adapter_model.safetensors"

  /// Writes both files into `folder`, made if need be, in the order of rows of the base `model`; `baseName` is what
  /// `base_model_name_or_path` says (a name PEFT users can load, such as `org/model`).
  public func writePEFT(
    folder: String, base model: ModelConfiguration, baseName: String, dropout: Float = 0
  ) throws(AdapterError) {
    guard !adaptsExperts else { throw .noPEFTForm(path: folder) }
    let order = RowOrder(model)
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .cannotWrite(
        .notPermitted(path: folder, reason: "the folder cannot be made"))
    }
    let adapter = FusedTensors(model).huggingFaceForm(self)
    // In the order of names, as PEFT's files are.
    let pairs = adapter.tensors.sorted { $0.modulePath < $1.modulePath }
    var descriptions: [SafetensorsTensorDescription] = []
    for pair in pairs {
      descriptions.append(
        SafetensorsTensorDescription(
          name: pair.peftName("A"), shape: [pair.rank, pair.inputWidth], format: .f32))
      descriptions.append(
        SafetensorsTensorDescription(
          name: pair.peftName("B"), shape: [pair.outputWidth, pair.rank], format: .f32))
    }
    do throws(SafetensorsError) {
      var writer = try SafetensorsWriter(
        path: "\(folder)/\(Self.weightsName)", tensors: descriptions)
      for pair in pairs {
        var b = MatrixOrder.transposed(pair.bt, rows: pair.rank, columns: pair.outputWidth)
        if let rows = order.huggingFaceRows(pair.projection) {
          // Hugging Face's row `rows[i]` is GGUF's row i.
          b = MatrixOrder.rows(b, columns: pair.rank, order: MatrixOrder.inverse(rows))
        }
        try writer.append(values: pair.a)
        try writer.append(values: b)
      }
      try writer.finish()
    } catch {
      throw .safetensors(error)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let path = "\(folder)/\(Self.configurationName)"
    let text: Data
    var configuration = adapter.configuration(baseName: baseName)
    configuration.dropout = dropout
    do { text = try encoder.encode(configuration) } catch {
      throw .file(path: path, reason: "it cannot be written as JSON")
    }
    do {
      try AtomicFile.write(path: path, bytes: Array(text) + Array("\n".utf8))
    } catch {
      throw .cannotWrite(error)
    }
  }

  private func configuration(baseName: String) -> PEFTConfiguration {
    // Names of modules alone would also match layers without adapters, so those are listed one by one.
    let layers = Set(tensors.map(\.layer))
    let projections = Set(tensors.map(\.projection))
    let isUniform = tensors.count == layers.count * projections.count
    let isEveryLayer = layers == Set(0..<layers.count)
    let names =
      isUniform && isEveryLayer
      ? Projection.allCases.filter(projections.contains).map(\.moduleName)
      : tensors.map(\.modulePath)
    var configuration = PEFTConfiguration(
      baseModel: baseName, rank: rank, alpha: alpha, targetModules: .list(names),
      usesRankStabilization: isRankStabilized)
    configuration.rankPattern = Dictionary(
      uniqueKeysWithValues: tensors.filter { $0.rank != rank }.map { ($0.modulePath, $0.rank) })
    return configuration
  }

  /// Reads the folder and checks every shape against `base`.
  public init(peftFolder folder: String, base: GGUFFile) throws(AdapterError) {
    let configurationPath = "\(folder)/\(Self.configurationName)"
    guard let text = FileManager.default.contents(atPath: configurationPath) else {
      throw .file(path: configurationPath, reason: "it cannot be read")
    }
    let configuration: PEFTConfiguration
    do {
      configuration = try JSONDecoder().decode(PEFTConfiguration.self, from: text)
    } catch {
      throw .file(
        path: configurationPath,
        reason: "it is no configuration of a LoRA adapter; name a folder that PEFT wrote")
    }
    if let (key, value) = configuration.unsupportedSetting {
      throw .unsupportedSetting(path: configurationPath, key: key, value: value)
    }
    let checked = try AdapterBase(base)
    let path = "\(folder)/\(Self.weightsName)"
    let file: SafetensorsFile
    do { file = try SafetensorsFile(path: path) } catch { throw .safetensors(error) }

    var halves: [PEFTKey: SafetensorsTensor] = [:]
    for tensor in file.tensors {
      guard let key = PEFTKey(tensor.name) else {
        throw .unsupportedTensor(path: path, name: tensor.name)
      }
      guard halves.updateValue(tensor, forKey: key) == nil else {
        throw .repeated(path: path, name: key.name)
      }
    }
    var read: [AdapterTensors] = []
    for tensor in file.tensors {
      guard let key = PEFTKey(tensor.name) else { continue }
      guard let other = halves[key.other] else {
        throw .missingHalf(path: path, name: key.other.name)
      }
      guard key.isA else { continue }
      let (rank, configured) = (tensor.shape.first ?? 0, configuration.rank(of: key.modulePath))
      guard rank == configured || rank == 0 else {
        throw .otherRank(
          path: configurationPath, configured: configured, name: tensor.name, rank: rank)
      }
      read.append(
        try Self.peftPair(
          key, a: tensor, b: other, file: file, path: path, base: checked)
      )
    }
    let isRankStabilized = configuration.usesRankStabilization ?? false
    self.init(
      tensors: FusedTensors(checked.configuration).fitted(
        read, isRankStabilized: isRankStabilized),
      alpha: configuration.alpha, isRankStabilized: isRankStabilized,
      architecture: checked.architecture)
  }

  private static func peftPair(
    _ key: PEFTKey, a: SafetensorsTensor, b: SafetensorsTensor, file: SafetensorsFile, path: String,
    base: AdapterBase
  ) throws(AdapterError) -> AdapterTensors {
    let configuration = base.configuration
    guard key.layer < configuration.layerCount, FusedTensors(configuration).has(key.projection)
    else { throw .notInBase(path: path, name: a.name) }
    let shape = configuration.shape(of: key.projection)
    func values(
      _ tensor: SafetensorsTensor, _ expected: [Int], _ text: String
    ) throws(AdapterError) -> [Float] {
      guard tensor.shape == expected else {
        throw .wrongShape(
          path: path, name: tensor.name, expected: text, found: "\(tensor.shape)")
      }
      let values: [Float]
      do { values = try file.values(tensor.name) } catch { throw .safetensors(error) }
      guard values.allSatisfy(\.isFinite) else { throw .notFinite(path: path, name: tensor.name) }
      return values
    }
    let rank = a.shape.first ?? 0
    guard rank > 0 else {
      throw .wrongShape(
        path: path, name: a.name, expected: "[rank, \(shape.in)]", found: "\(a.shape)")
    }
    let aValues = try values(a, [rank, shape.in], "[\(rank), \(shape.in)]")
    var bValues = try values(b, [shape.out, rank], "[\(shape.out), \(rank)]")
    if let rows = base.order.huggingFaceRows(key.projection) {
      bValues = MatrixOrder.rows(bValues, columns: rank, order: rows)
    }
    return AdapterTensors(
      layer: key.layer, projection: key.projection, rank: rank, inputWidth: shape.in,
      outputWidth: shape.out, a: aValues,
      bt: MatrixOrder.transposed(bValues, rows: shape.out, columns: rank))
  }
}

extension AdapterTensors {
  /// `layers.3.self_attn.q_proj`: the end of the module's name in Hugging Face models.
  fileprivate var modulePath: String {
    "layers.\(layer).\(projection.modulePath)"
  }

  fileprivate func peftName(_ half: String) -> String {
    "base_model.model.model.\(modulePath).lora_\(half).weight"
  }
}

/// What a tensor's name in `adapter_model.safetensors` means.
private struct PEFTKey: Hashable {
  private static let towers = ["vision", "visual", "audio", "encoder"]

  let layer: Int
  let projection: Projection
  let isA: Bool

  /// Nil for any tensor but A or B of a projection that can have adapters. What stands before `layers` (model wrappers) is free,
  /// but for the towers of multimodal models: their layers have the same names.
  init?(_ name: String) {
    var parts = name.split(separator: ".")
    guard parts.popLast() == "weight" else { return nil }
    if parts.last == "default" { parts.removeLast() }
    guard let half = parts.popLast(), half == "lora_A" || half == "lora_B",
      let module = parts.popLast(), let parent = parts.popLast(), let index = parts.popLast(),
      let layer = Int(index), layer >= 0, parts.popLast() == "layers",
      let projection = Projection.allCases.first(where: {
        $0.moduleName == module && $0.moduleParent == parent
      }),
      !parts.contains(where: { part in Self.towers.contains { part.contains($0) } })
    else { return nil }
    self.init(layer: layer, projection: projection, isA: half == "lora_A")
  }

  private init(layer: Int, projection: Projection, isA: Bool) {
    self.layer = layer
    self.projection = projection
    self.isA = isA
  }

  var other: PEFTKey { PEFTKey(layer: layer, projection: projection, isA: !isA) }

  /// Of the module, as the keys of `rank_pattern` name it.
  var modulePath: String { "layers.\(layer).\(projection.modulePath)" }

  var name: String {
    "\(modulePath).lora_\(isA ? "A" : "B").weight"
  }
}
