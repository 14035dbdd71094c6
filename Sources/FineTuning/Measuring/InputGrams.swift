internal import Foundation
internal import Tensors
internal import Transformer

/// `Σ x·xᵀ` of the inputs x of every linear layer of a model, with adapters or without, block by block in one forward pass:
/// what rounding with error feedback needs.
///
/// All micro-batches go through a block before the next begins; between the blocks their residual streams wait in a spill file.
/// Peak memory beyond the workspace is one block's matrices, `4·in²` bytes each; projections that read one input share it.
final class InputGrams {
  /// The widest input that is measured: of it the matrix, its copy with damping and its factor take 800 MB.
  static let widest = 8192

  private let model: Model
  private let adapters: AdapterSet?
  private let batches: [TokenBatch]
  private let workspace: Workspace
  private let spill: SpillFile
  private var offsets: [Int] = []
  private var arena: Arena
  private var grams: [Projection: Matrix] = [:]
  /// Blocks done.
  private(set) var layer = 0
  /// Tokens that are looked at.
  let tokenCount: Int

  /// Throws `TensorError`.
  init(
    _ model: Model, _ adapters: AdapterSet?, sequences: [TokenSequence], microTokens: Int = 256,
    spillDirectory: String
  ) throws {
    let longest = sequences.map(\.ids.count).max() ?? 1
    batches = Array(
      try TokenBatches(evaluating: sequences, microTokens: max(longest, microTokens)))
    tokenCount = batches.reduce(0) { $0 + $1.tokenCount }
    var model = model
    model.prepare(forSequencesOf: longest)
    self.model = model
    self.adapters = adapters
    workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: batches.map(\.tokenCount).max() ?? 1, storage: .bfloat16,
        rank: adapters?.layout.rank ?? 0, checkpointing: .recompute, lossRows: 1,
        adaptsExperts: adapters?.layout.adaptsExperts ?? false))
    workspace.keptLayerLimit = 1
    spill = try SpillFile(directory: spillDirectory)
    let leaders = Set(model.configuration.projections.map(\.inputLeader)).filter { !$0.isExpert }
    let widths = leaders.map { ($0, model.configuration.shape(of: $0).in) }
      .filter { $0.1 <= Self.widest }
    arena = try Arena(
      "inputs of one block",
      byteCount: widths.reduce(Arena.alignment) {
        $0 + Arena.size(rows: $1.1, columns: $1.1, type: .float32)
      })
    for (leader, width) in widths {
      grams[leader] = arena.allocate(rows: width, columns: width, type: .float32)
    }
  }

  /// Runs all tokens through the next block.
  ///
  /// - Returns: H `[in, in]` by the first projection that reads the input; nil after the last block.
  ///
  /// Throws `TensorError.cannotSpill`, or `TrainingError.stopped`.
  func advance(stop: StopFlag? = nil) throws -> [Projection: DenseMatrix<Float>]? {
    guard layer < model.configuration.layerCount else { return nil }
    for gram in grams.values { gram.clear() }
    for (index, batch) in batches.enumerated() {
      if stop.isRaised { throw TrainingError.stopped }
      let residual = model.residual(tokens: batch.tokenCount, workspace)
      if layer == 0 {
        model.embed(batch.ids, workspace)
      } else {
        try spill.read(into: residual, at: offsets[index])
      }
      model.forwardBlock(layer, batch, adapters: adapters, workspace)
      model.visitInputs(layer, tokens: batch.tokenCount, workspace) { leader, x in
        if let gram = grams[leader] { weightGradient(into: gram, x, x) }
      }
      if layer == 0 {
        offsets.append(try spill.append(residual))
      } else {
        try spill.write(residual, at: offsets[index])
      }
    }
    layer += 1
    return grams.mapValues { DenseMatrix(rows: $0.rows, columns: $0.columns, values: $0.array()) }
  }
}
