internal import Foundation
public import Inference
internal import Tensors
public import Transformer

/// Tiny models of random weights, one an architecture, and what an independent implementation computes with them:
/// `scripts/make-tiny-models` writes the files, `Tests/Fixtures/architectures` holds the numbers.
public struct TinyReference: Decodable, Sendable {
  /// Of a gradient: its Frobenius norm, its largest absolute value, and its first values.
  public struct Gradient: Decodable, Sendable {
    public let fro: Double
    public let max: Double
    public let sum: Double
    public let row0: [Double]
  }

  /// With an adapter; gradients by PEFT's name, in Hugging Face's order of rows, of the first sequence alone.
  public struct Adapted: Decodable, Sendable {
    public let scale: Float
    public let meanNll: Double
    public let nllPerTarget: [Double]
    public let lastLogits: [Double]
    public let grads: [String: Gradient]?
  }

  public struct Sequence: Decodable, Sendable {
    public let ids: [Int32]
    public let meanNll: Double
    public let adapter: Adapted?
  }

  public let architecture: String
  public let sequences: [Sequence]

  public init(_ name: String) throws {
    let file = TestFiles.root.appendingPathComponent("Tests/Fixtures/architectures/\(name).json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Self.self, from: Data(contentsOf: file))
  }
}

/// The files of `TinyModels` by name, folders of adapters among them.
public enum TinyFiles {
  /// Models that have an adapter of PEFT.
  public static let adapted = ["qwen2", "phi3", "llama3-rope", "gemma3"]

  /// Every model with numbers that Scion runs, by name.
  public static let names = TinyModels.all.map(\.name)

  /// The path of a file or folder below theirs.
  public static func path(_ name: String) throws -> String { try TinyModels.path(name) }
}

/// One sequence through a model in float32.
public struct TinyRun {
  /// Of every token but the first.
  public let losses: [Float]
  /// At the last position.
  public let lastLogits: [Float]

  public var meanLoss: Double { losses.reduce(0) { $0 + Double($1) } / Double(losses.count) }

  /// - Parameter backward: leaves the gradient of the mean loss in `adapters`.
  public init(
    _ loaded: LoadedModel, _ ids: [Int32], _ adapters: AdapterSet?, backward: Bool = false
  ) throws {
    var loaded = loaded
    loaded.prepare(forSequencesOf: ids.count)
    let model = loaded.model
    let batch = TokenBatch([TokenSequence(allTargets: ids)])
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: ids.count, storage: .float32, rank: adapters?.layout.rank ?? 0,
        checkpointing: backward ? .keepProducts : nil))
    model.forward(batch, adapters: adapters, workspace)
    lastLogits = model.logits(rows: [ids.count - 1], workspace).array()
    losses = model.loss(
      batch, workspace, gradientWeight: backward ? 1 / Float(batch.targetCount) : nil)
    guard backward, let adapters else { return }
    adapters.gradients?.clear()
    model.backward(batch, adapters: adapters, workspace)
  }

  /// The largest difference of logits, as a share of the largest of `expected`.
  public func distance(_ expected: [Double]) -> Double {
    guard lastLogits.count == expected.count else { return .infinity }
    let largest = expected.map(abs).max() ?? 1
    return zip(lastLogits, expected).map { abs(Double($0) - $1) }.reduce(0, max) / largest
  }
}
