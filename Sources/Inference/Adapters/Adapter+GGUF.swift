internal import Foundation
public import ModelFiles
internal import Tensors
internal import Transformer

/// Adapters in llama.cpp's GGUF form: `general.type = adapter`, `adapter.type = lora`, tensors `<base tensor>.lora_a` of
/// dimensions [in, r] and `.lora_b` [r, out], of a stack of experts [in, r, experts] and [r, out, experts].
///
/// llama.cpp scales by `adapter.lora.alpha / r` and knows no rank-stabilised flag, so α·√r is stored; Scion's own keys keep α and
/// the flag. Pairs of a smaller rank than the adapter's carry the difference in B. Written as F32 (bf16 adapters are exact in it).
extension Adapter {
  private enum Key {
    static let rank = "scion.lora.rank"
    static let alpha = "scion.lora.alpha"
    static let rankStabilized = "scion.lora.rank_stabilized"
  }

  /// What llama.cpp divides by r: α, or α·√r when rank-stabilised.
  private var storedAlpha: Float {
    isRankStabilized ? alpha * Float(rank).squareRoot() : alpha
  }

  /// By what B of a pair is multiplied in the file, so that llama.cpp's scale times it is the pair's own.
  private func storedFactor(rank pairRank: Int) -> Float {
    guard isRankStabilized, pairRank != rank else { return 1 }
    return (Float(pairRank) / Float(rank)).squareRoot()
  }

  /// The metadata of the file: what llama.cpp needs, where the adapter comes from, and Scion's own keys.
  private func metadata(base: GGUFMetadata, name: String) -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata.set("general.type", .string("adapter"))
    metadata.set("general.architecture", .string(architecture))
    metadata.set("general.name", .string(name))
    BaseModelKeys(base).write(to: &metadata)
    metadata.set("adapter.type", .string("lora"))
    metadata.set("adapter.lora.alpha", .float32(storedAlpha))
    metadata.set(Key.rank, .uint32(UInt32(rank)))
    metadata.set(Key.alpha, .float32(alpha))
    metadata.set(Key.rankStabilized, .bool(isRankStabilized))
    return metadata
  }

  /// Writes `path` (complete or not at all). `base` is the metadata of the base, `name` what the adapter is called.
  public func writeGGUF(path: String, base: GGUFMetadata, name: String) throws(AdapterError) {
    var descriptions: [GGUFTensorDescription] = []
    let stacks = stacks
    for stack in stacks {
      let (pair, experts) = (stack[0], stack[0].expert == nil ? [] : [stack.count])
      descriptions.append(
        GGUFTensorDescription(
          name: "\(pair.tensorName).lora_a", dimensions: [pair.inputWidth, pair.rank] + experts,
          format: .f32))
      descriptions.append(
        GGUFTensorDescription(
          name: "\(pair.tensorName).lora_b", dimensions: [pair.rank, pair.outputWidth] + experts,
          format: .f32))
    }
    do throws(GGUFError) {
      var writer = try GGUFWriter(
        path: path, metadata: metadata(base: base, name: name), tensors: descriptions)
      for stack in stacks {
        for pair in stack { try writer.append(values: pair.a) }
        for pair in stack {
          let factor = storedFactor(rank: pair.rank)
          let b = MatrixOrder.transposed(pair.bt, rows: pair.rank, columns: pair.outputWidth)
          try writer.append(values: factor == 1 ? b : b.map { $0 * factor })
        }
      }
      try writer.finish()
    } catch {
      throw .gguf(error)
    }
  }

  /// The pairs that share a tensor: those of a stack of experts, and each other pair alone.
  private var stacks: [[AdapterTensors]] {
    var stacks: [[AdapterTensors]] = []
    for pair in tensors {
      if pair.expert ?? 0 > 0, stacks.last?.first?.tensorName == pair.tensorName {
        stacks[stacks.count - 1].append(pair)
      } else {
        stacks.append([pair])
      }
    }
    return stacks
  }

  /// Reads an adapter written by Scion or by llama.cpp's convert_lora_to_gguf.py, and checks every shape against `base`.
  public init(ggufPath path: String, base: GGUFFile) throws(AdapterError) {
    let file: GGUFFile
    do { file = try GGUFFile(path: path) } catch { throw .gguf(error) }
    try self.init(gguf: file, base: base)
  }

  /// The same from an open file.
  public init(gguf file: GGUFFile, base: GGUFFile) throws(AdapterError) {
    let path = file.path
    let base = try AdapterBase(base)
    let kind = file.metadata.string("general.type") ?? "model"
    guard kind == "adapter" else { throw .notLoRA(path: path, found: "a \(kind)") }
    let type = file.metadata.string("adapter.type") ?? "of no type"
    guard type == "lora" else { throw .notLoRA(path: path, found: "an adapter \(type)") }
    let architecture = file.metadata.string("general.architecture") ?? "(none)"
    guard architecture == base.architecture else {
      throw .wrongArchitecture(path: path, expected: base.architecture, found: architecture)
    }

    var pairs: [String: (a: GGUFTensor?, b: GGUFTensor?)] = [:]
    for tensor in file.tensors {
      if tensor.name.hasSuffix(".lora_a") {
        pairs[String(tensor.name.dropLast(7)), default: (nil, nil)].a = tensor
      } else if tensor.name.hasSuffix(".lora_b") {
        pairs[String(tensor.name.dropLast(7)), default: (nil, nil)].b = tensor
      } else {
        throw .unsupportedTensor(path: path, name: tensor.name)
      }
    }
    var read: [AdapterTensors] = []
    for (name, pair) in pairs.sorted(by: { $0.key < $1.key }) {
      guard let a = pair.a else { throw .missingHalf(path: path, name: "\(name).lora_a") }
      guard let b = pair.b else { throw .missingHalf(path: path, name: "\(name).lora_b") }
      read += try Self.pairs(name, a, b, file: file, base: base)
    }

    // Scion's own keys are trusted only where they say what llama.cpp's key says.
    let stored = file.metadata.float("adapter.lora.alpha") ?? 0
    guard stored.isFinite else { throw .notFinite(path: path, name: "adapter.lora.alpha") }
    let rank = read.map(\.rank).max() ?? 1
    if let alpha = file.metadata.float(Key.alpha), file.metadata.bool(Key.rankStabilized) == true {
      let own = Adapter(
        tensors: read, alpha: alpha, isRankStabilized: true, architecture: architecture)
      if abs(own.storedAlpha - stored) <= 1e-6 * abs(stored) {
        for index in read.indices {
          let factor = own.storedFactor(rank: read[index].rank)
          if factor != 1 { read[index].bt = read[index].bt.map { $0 / factor } }
        }
        self.init(tensors: read, alpha: alpha, isRankStabilized: true, architecture: architecture)
        return
      }
    }
    guard stored != 0 else {
      // llama.cpp: no alpha is a scale of 1, whatever the rank of each pair.
      for index in read.indices where read[index].rank != rank {
        let factor = Float(read[index].rank) / Float(rank)
        read[index].bt = read[index].bt.map { $0 * factor }
      }
      self.init(
        tensors: read, alpha: Float(rank), isRankStabilized: false, architecture: architecture)
      return
    }
    self.init(tensors: read, alpha: stored, isRankStabilized: false, architecture: architecture)
  }

  /// The pair of one weight, or those of a stack of experts.
  private static func pairs(
    _ name: String, _ a: GGUFTensor, _ b: GGUFTensor, file: GGUFFile, base: AdapterBase
  ) throws(AdapterError) -> [AdapterTensors] {
    let path = file.path
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "blk", parts[3] == "weight", let layer = Int(parts[1]),
      parts[1] == "\(layer)",
      Projection.allCases.contains(where: { $0.tensorName == parts[2] })
    else { throw .unsupportedTensor(path: path, name: a.name) }
    guard let projection = base.projection(tensorName: parts[2]),
      let shape = base.shape(layer, projection)
    else { throw .notInBase(path: path, name: a.name) }
    let experts = projection.isExpert ? [base.configuration.experts?.count ?? 1] : []
    func list(_ sizes: [some CustomStringConvertible]) -> String {
      "[" + sizes.reversed().map(\.description).joined(separator: ", ") + "]"
    }
    func check(_ tensor: GGUFTensor, _ expected: [Int], _ text: String) throws(AdapterError) {
      guard tensor.dimensions == expected else {
        throw .wrongShape(
          path: path, name: tensor.name, expected: text, found: list(tensor.dimensions))
      }
    }
    let rank = a.dimensions.count > 1 ? a.dimensions[1] : 1
    try check(
      a, [shape.inputWidth, rank] + experts,
      list(["\(shape.inputWidth)", "rank"] + experts.map { "\($0)" }))
    let bShape = [rank, shape.outputWidth] + experts
    try check(b, bShape, list(bShape))
    let (aValues, bValues) = (try floats(a, file: file), try floats(b, file: file))
    let (aCount, bCount) = (rank * shape.inputWidth, rank * shape.outputWidth)
    return (0..<(experts.first ?? 1)).map { expert in
      AdapterTensors(
        layer: layer, projection: projection, expert: experts.isEmpty ? nil : expert, rank: rank,
        inputWidth: shape.inputWidth, outputWidth: shape.outputWidth,
        a: Array(aValues[expert * aCount..<(expert + 1) * aCount]),
        bt: MatrixOrder.transposed(
          Array(bValues[expert * bCount..<(expert + 1) * bCount]), rows: shape.outputWidth,
          columns: rank))
    }
  }

  private static func floats(_ tensor: GGUFTensor, file: GGUFFile) throws(AdapterError) -> [Float] {
    let values: [Float]
    do { values = try file.values(tensor.name) } catch { throw .gguf(error) }
    guard values.allSatisfy(\.isFinite) else {
      throw .notFinite(path: file.path, name: tensor.name)
    }
    return values
  }
}
