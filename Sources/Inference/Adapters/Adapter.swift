internal import Foundation
public import ModelFiles
public import Transformer

/// The pair of one linear layer: ΔW = s·B·A, kept with B transposed.
public struct AdapterTensors: Sendable, Equatable {
  /// Block, from 0.
  public let layer: Int
  public let projection: Projection
  /// Which of a stack of experts; nil for a projection that is one matrix.
  public let expert: Int?
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
    layer: Int, projection: Projection, expert: Int? = nil, rank: Int, inputWidth: Int,
    outputWidth: Int,
    a: [Float], bt: [Float]
  ) {
    precondition(layer >= 0 && rank > 0 && inputWidth > 0 && outputWidth > 0)
    precondition(a.count == rank * inputWidth && bt.count == rank * outputWidth)
    self.layer = layer
    self.projection = projection
    self.expert = expert
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
  /// By layer, then projection, then expert.
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
      return ($0.layer, order.firstIndex(of: $0.projection) ?? 0, $0.expert ?? 0)
        < ($1.layer, order.firstIndex(of: $1.projection) ?? 0, $1.expert ?? 0)
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

  /// Whether experts have pairs.
  public var adaptsExperts: Bool { tensors.contains { $0.expert != nil } }

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
      guard !tensors.isEmpty else { throw .noPairs(path: path) }
      return
    }
    if manager.fileExists(atPath: "\(path)/adapter.gguf") {
      try self.init(ggufPath: "\(path)/adapter.gguf", base: base)
    } else if manager.fileExists(atPath: "\(path)/adapter_config.json") {
      try self.init(peftFolder: path, base: base)
    } else {
      throw .notAnAdapter(path: path)
    }
    guard !tensors.isEmpty else { throw .noPairs(path: path) }
  }
}

/// Facts of a base that adapters are checked against.
struct AdapterBase {
  let configuration: ModelConfiguration
  /// Rows of q and k as files of other programs have them.
  let order: RowOrder

  /// Throws `AdapterError.unusableBase` for a file that is no model Scion runs.
  init(_ file: GGUFFile) throws(AdapterError) {
    do throws(TransformerError) {
      self.init(try ModelConfiguration(file))
    } catch {
      throw .unusableBase(.inFile(path: file.path, error))
    }
  }

  init(_ configuration: ModelConfiguration) {
    self.configuration = configuration
    order = RowOrder(configuration)
  }

  var architecture: String { configuration.architecture }

  /// Widths of the weight that a pair of this layer and projection belongs to; nil when the base has none.
  func shape(_ layer: Int, _ projection: Projection) -> (inputWidth: Int, outputWidth: Int)? {
    guard layer >= 0, layer < configuration.layerCount,
      (configuration.projections + configuration.expertProjections).contains(projection)
    else { return nil }
    let (out, `in`) = configuration.shape(of: projection)
    return (`in`, out)
  }

  /// The projection whose weight is called `name` between `blk.N.` and `.weight` in this base.
  func projection(tensorName name: some StringProtocol) -> Projection? {
    (configuration.projections + configuration.expertProjections).first { $0.tensorName == name }
  }
}
