internal import Tensors
internal import Transformer

/// The gradient of every adapted weight at the base model, block by block, never held as a whole.
///
/// 1. Forward all micro-batches once; the inputs of all blocks go to a spill file, as does the loss's gradient.
/// 2. From the last block down: run the block again for each micro-batch, take its gradient down, and gather what
///    its weight gradients are made of.
///
/// Peak memory beyond the workspace is one block's gradients (`BlockGradientCollector`), whatever the number of
/// sequences and layers. The caller drives it step by step and reads the block that is complete.
final class GradientStream {
  /// What the last call to `advance` finished.
  enum Progress {
    /// Forward of one micro-batch.
    case forward(done: Int, of: Int)
    /// Backward of one micro-batch through a block.
    case backward(layer: Int, done: Int, of: Int)
    /// All gradients of a block are gathered in `collector`; valid until the next call.
    case block(layer: Int)
  }

  private let model: Model
  private let workspace: Workspace
  private let batches: [TokenBatch]
  private let weights: [[Float]]
  private let spill: SpillFile
  private(set) var collector: BlockGradientCollector
  private var boundaryOffsets: [[Int]] = []
  private var gradientOffsets: [Int] = []
  private var lossTotal = 0.0
  private var forwardDone = 0
  private var layer: Int
  private var backwardDone = 0
  private let lowestLayer: Int

  /// Mean loss of the base over the targets, weighted as the gradient is; complete after the forward.
  var loss: Double { lossTotal }

  /// - Parameters:
  ///   - workspace: a training workspace; its adapters are not used, the gradient is the base's.
  ///   - memory: how the gradients of a block are held.
  ///   - weights: by micro-batch and row, what each target's loss counts in the mean.
  ///   - spillDirectory: where the temporary file goes.
  init(
    _ model: Model, _ workspace: Workspace, layout: AdapterLayout, batches: [TokenBatch],
    weights: [[Float]], memory: StartMemory, generator: RandomGenerator, spillDirectory: String
  ) throws(TensorError) {
    precondition(batches.count == weights.count)
    self.model = model
    self.workspace = workspace
    self.batches = batches
    self.weights = weights
    spill = try SpillFile(directory: spillDirectory)
    layer = model.configuration.layerCount - 1
    lowestLayer = layout.slots.map(\.layer).min() ?? 0
    collector = try BlockGradientCollector(
      model.configuration, forms: memory.forms,
      tokens: batches.reduce(0) { $0 + $1.tokenCount }, batches: batches.count,
      storage: workspace.shape.storage, rank: layout.rank, generator: generator)
  }

  /// Does the next piece of work; nil when every block has been delivered.
  func advance() throws -> Progress? {
    if forwardDone < batches.count {
      try forward(forwardDone)
      forwardDone += 1
      return .forward(done: forwardDone, of: batches.count)
    }
    guard layer >= lowestLayer else { return nil }
    if backwardDone == batches.count {
      backwardDone = 0
      layer -= 1
      guard layer >= lowestLayer else { return nil }
    }
    if backwardDone == 0 { collector.reset() }
    try backward(backwardDone)
    backwardDone += 1
    return backwardDone == batches.count
      ? .block(layer: layer)
      : .backward(layer: layer, done: backwardDone, of: batches.count)
  }

  private func forward(_ index: Int) throws {
    let batch = batches[index]
    let tokens = batch.tokenCount
    var offsets: [Int] = []
    model.embed(batch.ids, workspace)
    for layer in 0..<model.configuration.layerCount {
      model.forwardBlock(layer, batch, adapters: nil, workspace)
      offsets.append(try spill.append(model.boundary(layer, tokens: tokens, workspace)))
    }
    let losses = model.loss(batch, workspace, gradientWeights: weights[index])
    let rows = batch.targets.indices.filter { batch.targets[$0] != TokenSequence.ignored }
    for (row, nll) in zip(rows, losses) { lossTotal += Double(weights[index][row]) * Double(nll) }
    boundaryOffsets.append(offsets)
    gradientOffsets.append(
      try spill.append(model.residualGradient(tokens: tokens, workspace)))
  }

  private func backward(_ index: Int) throws {
    let batch = batches[index]
    let tokens = batch.tokenCount
    let boundary = model.boundary(layer, tokens: tokens, workspace)
    let gradient = model.residualGradient(tokens: tokens, workspace)
    try spill.read(into: boundary, at: boundaryOffsets[index][layer])
    try spill.read(into: gradient, at: gradientOffsets[index])
    let needsInput = layer > lowestLayer
    try model.backwardBlock(
      layer, batch, adapters: nil, workspace, sink: &collector, needsInput: needsInput,
      rerun: true)
    if needsInput { try spill.write(gradient, at: gradientOffsets[index]) }
  }
}
