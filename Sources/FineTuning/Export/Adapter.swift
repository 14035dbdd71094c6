internal import Foundation
public import ModelFiles
public import Transformer

/// The pair of one linear layer: ΔW = s·B·A, kept with B transposed.
public struct AdapterTensors: Sendable, Equatable {
  /// Block, from 0.
  public let layer: Int
  public let projection: Projection
  public let rank: Int
  /// Width of the layer's input.
  public let inputWidth: Int
  /// Width of the layer's output.
  public let outputWidth: Int
  /// A `[rank, inputWidth]`, row-major.
  public var a: [Float]
  /// Bᵀ `[rank, outputWidth]`, row-major, its columns in the order of the base's rows.
  public var bt: [Float]

  /// Traps unless the sizes agree.
  public init(
    layer: Int, projection: Projection, rank: Int, inputWidth: Int, outputWidth: Int,
    a: [Float], bt: [Float]
  ) {
    precondition(layer >= 0 && rank > 0 && inputWidth > 0 && outputWidth > 0)
    precondition(a.count == rank * inputWidth && bt.count == rank * outputWidth)
    self.layer = layer
    self.projection = projection
    self.rank = rank
    self.inputWidth = inputWidth
    self.outputWidth = outputWidth
    self.a = a
    self.bt = bt
  }

  /// Name of the base's tensor.
  public var tensorName: String { projection.weightName(layer: layer) }
}

/// A whole adapter as plain values: what the file formats read and write, and what merging applies.
///
/// Files: `Adapter+GGUF`, `Adapter+PEFT`. Training does not run on this value.
public struct Adapter: Sendable, Equatable {
  /// By layer, then projection.
  public let tensors: [AdapterTensors]
  /// α as the user sets it.
  public let alpha: Float
  /// Whether the scale is α/√r rather than α/r.
  public let isRankStabilized: Bool
  /// `general.architecture` of the base.
  public let architecture: String

  public init(
    tensors: [AdapterTensors], alpha: Float, isRankStabilized: Bool, architecture: String
  ) {
    self.tensors = tensors.sorted {
      let order = Projection.allCases
      return ($0.layer, order.firstIndex(of: $0.projection) ?? 0)
        < ($1.layer, order.firstIndex(of: $1.projection) ?? 0)
    }
    self.alpha = alpha
    self.isRankStabilized = isRankStabilized
    self.architecture = architecture
  }

  /// s in ΔW = s·B·A for a pair of this rank.
  public func scale(rank: Int) -> Float {
    isRankStabilized ? alpha / Float(rank).squareRoot() : alpha / Float(rank)
  }

  /// The largest rank: the one named in files. 1 for an adapter without pairs.
  public var rank: Int { tensors.map(\.rank).max() ?? 1 }

  /// Values in all pairs.
  public var parameterCount: Int { tensors.reduce(0) { $0 + $1.a.count + $1.bt.count } }

  /// Reads whatever `path` is: an adapter.gguf, a PEFT folder, or the output folder of a run (its adapter.gguf).
  public init(path: String, base: GGUFFile) throws(AdapterError) {
    let manager = FileManager.default
    guard manager.fileExists(atPath: path) else {
      throw .file(
        path: path,
        reason: "no such file or folder; name the folder of a training run or an adapter file")
    }
    guard (try? manager.contentsOfDirectory(atPath: path)) != nil else {
      try self.init(ggufPath: path, base: base)
      return
    }
    if manager.fileExists(atPath: "\(path)/adapter.gguf") {
      try self.init(ggufPath: "\(path)/adapter.gguf", base: base)
    } else if manager.fileExists(atPath: "\(path)/adapter_config.json") {
      try self.init(peftFolder: path, base: base)
    } else {
      throw .notAnAdapter(path: path)
    }
  }
}

/// Facts of a base that adapters are checked against.
struct AdapterBase {
  let file: GGUFFile
  let architecture: String

  init(_ file: GGUFFile) throws(AdapterError) {
    self.file = file
    guard let name = file.metadata.string("general.architecture") else {
      throw .missingMetadata(path: file.path, key: "general.architecture")
    }
    architecture = name
  }

  /// Widths of the base's tensor `name`; nil when it has none that is a matrix.
  func shape(_ name: String) -> (inputWidth: Int, outputWidth: Int)? {
    guard let tensor = file.tensor(name), tensor.dimensions.count == 2 else { return nil }
    return (tensor.dimensions[0], tensor.dimensions[1])
  }
}

/// The order in which an architecture's GGUF files keep the rows of q and k.
///
/// Converters interleave the two halves of each head for `llama` and its like, so that rotary pairs are neighbours: GGUF row
/// `h·size + 2i + j` is Hugging Face's row `h·size + j·size/2 + i` (llama.cpp, convert_hf_to_gguf.py, `permute`).
struct RowOrder {
  /// Size of a head, or nil when both orders are the same.
  let headSize: Int?

  static let permutedArchitectures: Set<String> = ["llama", "granite", "smollm3", "mistral3"]

  init(metadata: GGUFMetadata, path: String) throws(AdapterError) {
    let architecture = metadata.string("general.architecture") ?? ""
    guard Self.permutedArchitectures.contains(architecture) else {
      headSize = nil
      return
    }
    if let size = metadata.int("\(architecture).attention.key_length"), size > 0, size % 2 == 0 {
      headSize = size
      return
    }
    guard let width = metadata.int("\(architecture).embedding_length"),
      let heads = metadata.int("\(architecture).attention.head_count"),
      heads > 0, width > 0, width % heads == 0, (width / heads) % 2 == 0
    else { throw .missingMetadata(path: path, key: "\(architecture).attention.head_count") }
    headSize = width / heads
  }

  /// For each GGUF row, the row of Hugging Face's matrix; nil when they are the same for this projection.
  func huggingFaceRows(_ projection: Projection, count: Int) -> [Int]? {
    guard let size = headSize, projection == .query || projection == .key, count % size == 0 else {
      return nil
    }
    return (0..<count).map { row in
      let (head, inside) = (row / size, row % size)
      return head * size + (inside % 2) * (size / 2) + inside / 2
    }
  }
}
