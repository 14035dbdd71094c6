internal import Tensors
internal import Transformer

/// The inputs of every adapted linear layer of the base, block by block, in one forward pass: what EVA measures. No backward
/// runs.
///
/// Block by block, all micro-batches through each; between the blocks the residual streams wait in a spill file. Peak memory
/// beyond the workspace is one block's measurement (`BlockInputCollector`). The caller drives it step by step and reads the
/// block that is complete.
final class InputStream {
  /// What the last call to `advance` finished.
  enum Progress {
    /// Forward of one micro-batch through a block.
    case forward(layer: Int, done: Int, of: Int)
    /// All inputs of a block are gathered in `collector`; valid until the next call.
    case block(layer: Int)
  }

  private let model: Model
  private let workspace: Workspace
  private let batches: [TokenBatch]
  private let weights: [[Float]]
  /// How the measurement is held, and how many matrices are decomposed at a time.
  let memory: StartMemory
  private let spill: SpillFile
  private let skipped: Set<Int>
  /// One; none at the end.
  private var collectors: [BlockInputCollector] = []
  private var offsets: [Int] = []
  private var layer = 0
  private var done = 0
  /// Mean loss of the base over the targets; complete when `advance` has returned nil.
  private(set) var loss = 0.0

  /// The inputs of the block that the last call to `advance` delivered.
  var collector: BlockInputCollector { collectors[0] }

  /// - Parameters:
  ///   - workspace: a training workspace; its adapters are not used.
  ///   - weights: by micro-batch and row, what each target's loss counts in the mean.
  ///   - skipped: layers whose inputs are not wanted: they are run only.
  ///   - spillDirectory: where the temporary file goes.
  init(
    _ model: Model, _ workspace: Workspace, layout: AdapterLayout, batches: [TokenBatch],
    weights: [[Float]], memory: StartMemory, skipped: Set<Int>, generator: RandomGenerator,
    spillDirectory: String
  ) throws(TensorError) {
    precondition(batches.count == weights.count)
    self.model = model
    self.workspace = workspace
    self.batches = batches
    self.weights = weights
    self.memory = memory
    self.skipped = skipped
    spill = try SpillFile(directory: spillDirectory)
    collectors.append(
      try BlockInputCollector(
        model.configuration, forms: memory.forms,
        tokens: batches.reduce(0) { $0 + $1.tokenCount }, batches: batches.count,
        storage: workspace.shape.storage, rank: layout.rank, generator: generator))
    // Whatever ran before may have touched more of the workspace than one block does.
    workspace.arena.discardPages()
    workspace.keptLayerLimit = 1
  }

  /// Does the next piece of work; nil when every block has been delivered and the loss is known.
  func advance() throws -> Progress? {
    if done == batches.count {
      done = 0
      layer += 1
    }
    guard layer < model.configuration.layerCount, !batches.isEmpty else {
      collectors = []
      workspace.keptLayerLimit = .max
      return nil
    }
    if done == 0 { collectors[0].reset() }
    try forward(done)
    done += 1
    return done == batches.count && !skipped.contains(layer)
      ? .block(layer: layer) : .forward(layer: layer, done: done, of: batches.count)
  }

  private func forward(_ index: Int) throws {
    let batch = batches[index]
    let tokens = batch.tokenCount
    let residual = model.residual(tokens: tokens, workspace)
    if layer == 0 {
      model.embed(batch.ids, workspace)
    } else {
      try spill.read(into: residual, at: offsets[index])
    }
    model.forwardBlock(layer, batch, adapters: nil, workspace)
    if !skipped.contains(layer) {
      try model.visitInputs(layer, tokens: tokens, workspace) {
        projection, x throws(TensorError) in
        try collectors[0].record(projection, x: x)
      }
    }
    if layer == 0 {
      offsets.append(try spill.append(residual))
    } else if layer < model.configuration.layerCount - 1 {
      try spill.write(residual, at: offsets[index])
    }
    if layer == model.configuration.layerCount - 1 {
      let losses = model.loss(batch, workspace)
      loss += batch.weighted(losses, by: weights[index])
    }
  }
}
