internal import Tensors
internal import Transformer

/// The gradient of every adapted weight at the base model, block by block, never held as a whole.
///
/// 1. Forward and backward through the highest blocks, micro-batch by micro-batch, as training does it: `StartMemory` says
///    how many blocks' gradients can be gathered at once in the memory that training takes later. Nothing is run twice
///    there. The inputs of the blocks below go to a spill file, as does the gradient that arrives from above.
/// 2. From there down, one block at a time: run the block again for each micro-batch, take its gradient down, and gather
///    what its weight gradients are made of.
///
/// Peak memory beyond training's is at most one block's gradients (`BlockGradientCollector`), whatever the number of
/// sequences and layers. The caller drives it step by step and reads the block that is complete.
final class GradientStream {
  /// What the last call to `advance` finished.
  enum Progress {
    /// Forward of one micro-batch, and (but for the last) backward through the highest blocks.
    case forward(done: Int, of: Int)
    /// Backward of one micro-batch through a block.
    case backward(layer: Int, done: Int, of: Int)
    /// All gradients of a block are gathered in `collector`; valid until the next call.
    case block(layer: Int)
  }

  private let stop: StopFlag?
  private let model: Model
  private let workspace: Workspace
  private let batches: [TokenBatch]
  private let weights: [[Float]]
  /// How the measurement is held, and how many matrices are decomposed at a time.
  let memory: StartMemory
  private let spill: SpillFile
  /// By block of the first part, from its lowest; one for all where there is a single micro-batch. Empty at the end.
  private var collectors: [BlockGradientCollector] = []
  private var boundaryOffsets: [[Int]] = []
  private var gradientOffsets: [Int] = []
  private var lossTotal = 0.0
  private var forwardDone = 0
  /// The block that is next or was last delivered.
  private var layer: Int
  private var backwardDone = 0
  private var isDelivered = false
  private let lowestLayer: Int
  /// The lowest block of the first part; that above which nothing is left to do where an interrupted start goes on.
  private let lowestKept: Int
  /// Fills the next micro-batch's gradient below the first part, where an interrupted start goes on.
  private let givenGradient: ((Matrix) throws -> Void)?

  /// Where an interrupted start goes on.
  struct Resumption {
    /// The lowest finished block.
    let layer: Int
    /// Mean loss of the base.
    let loss: Double
    /// Fills the next micro-batch's gradient below that block, as `visitGradients` gave it.
    let gradient: (Matrix) throws -> Void
  }

  /// Mean loss of the base over the targets, weighted as the gradient is; complete after the forward.
  var loss: Double { lossTotal }

  /// The gradients of the block that the last call to `advance` delivered.
  var collector: BlockGradientCollector { collectors[slot(layer)] }

  /// - Parameters:
  ///   - workspace: a training workspace; its adapters are not used, the gradient is the base's. Its contents are lost.
  ///   - memory: how the gradients of a block are held.
  ///   - weights: by micro-batch and row, what each target's loss counts in the mean.
  ///   - spillDirectory: where the temporary file goes.
  ///   - resumption: what an interrupted start has left; nil to begin at the top.
  ///   - stop: once it is raised, `advance` throws `TrainingError.stopped`.
  init(
    _ model: Model, _ workspace: Workspace, layout: AdapterLayout, batches: [TokenBatch],
    weights: [[Float]], memory: StartMemory, generator: RandomGenerator, spillDirectory: String,
    resumption: Resumption? = nil, stop: StopFlag? = nil
  ) throws(TensorError) {
    precondition(batches.count == weights.count)
    self.stop = stop
    self.model = model
    self.workspace = workspace
    self.batches = batches
    self.weights = weights
    self.memory = memory
    spill = try SpillFile(directory: spillDirectory)
    let layers = model.configuration.layerCount
    layer = layers - 1
    lowestLayer = layout.slots.map(\.layer).min() ?? 0
    let kept =
      batches.count == 1 ? memory.keptLayers : min(memory.keptLayers, memory.heldBlocks)
    let resumesBelow = resumption?.layer
    lowestKept = resumesBelow ?? max(layers - kept, lowestLayer)
    givenGradient = resumption?.gradient
    if let resumption {
      // As if that block had just been delivered.
      layer = resumption.layer
      lossTotal = resumption.loss
      backwardDone = batches.count
      isDelivered = true
    }
    let tokens = batches.reduce(0) { $0 + $1.tokenCount }
    for _ in 0..<(batches.count == 1 || resumption != nil ? 1 : layers - lowestKept) {
      collectors.append(
        try BlockGradientCollector(
          model.configuration, forms: memory.forms, tokens: tokens, batches: batches.count,
          storage: workspace.shape.storage, rank: layout.rank, generator: generator))
    }
    // Whatever ran before may have touched more of the workspace than the start does.
    workspace.arena.discardPages()
    workspace.keptLayerLimit = resumption == nil ? layers - lowestKept : 1
  }

  /// Does the next piece of work; nil when every block has been delivered, and the memory given back.
  func advance() throws -> Progress? {
    if forwardDone < batches.count {
      let index = forwardDone
      try forward(index)
      forwardDone += 1
      // The last micro-batch completes the blocks one by one, in the calls that follow.
      if givenGradient == nil, forwardDone < batches.count {
        for layer in (lowestKept..<model.configuration.layerCount).reversed() {
          if stop.isRaised { throw TrainingError.stopped }
          try backwardKept(index, layer)
        }
        try park(index)
      }
      return .forward(done: forwardDone, of: batches.count)
    }
    if backwardDone == batches.count {
      if !isDelivered {
        isDelivered = true
        return .block(layer: layer)
      }
      backwardDone = 0
      layer -= 1
    }
    guard layer >= lowestLayer else {
      collectors = []
      workspace.keptLayerLimit = .max
      return nil
    }
    isDelivered = false
    if layer >= lowestKept {
      if batches.count == 1 { collectors[0].reset() }
      try backwardKept(batches.count - 1, layer)
      if layer == lowestKept { try park(batches.count - 1) }
      backwardDone = batches.count
    } else {
      if backwardDone == 0 {
        // One collector serves all blocks below the kept ones.
        if collectors.count > 1 { collectors = [collectors[0]] }
        collectors[0].reset()
      }
      try backward(backwardDone)
      backwardDone += 1
    }
    return .backward(layer: layer, done: backwardDone, of: batches.count)
  }

  private func slot(_ layer: Int) -> Int {
    collectors.count == 1 ? 0 : max(0, layer - lowestKept)
  }

  // MARK: - Where an interrupted start goes on

  /// Whether everything is there to go on below block `layer`, which was just delivered: the blocks above the lowest kept
  /// one are complete together with it.
  func canResume(below layer: Int) -> Bool { layer <= lowestKept && layer > lowestLayer }

  /// Hands the gradient below the block just delivered to `body`, micro-batch by micro-batch [tokens, width] float32.
  func visitGradients(_ body: (Matrix) throws -> Void) throws {
    precondition(canResume(below: layer))
    for (index, batch) in batches.enumerated() {
      let gradient = model.residualGradient(tokens: batch.tokenCount, workspace)
      try spill.read(into: gradient, at: gradientOffsets[index])
      try body(gradient)
    }
  }

  // MARK: - Work

  private func forward(_ index: Int) throws {
    let batch = batches[index]
    let tokens = batch.tokenCount
    var offsets: [Int] = []
    model.embed(batch.ids, workspace)
    for layer in 0..<(givenGradient == nil ? model.configuration.layerCount : lowestKept) {
      if stop.isRaised { throw TrainingError.stopped }
      model.forwardBlock(layer, batch, adapters: nil, workspace)
      // In a workspace that spills, one matrix holds the input of whichever block ran last.
      if layer < lowestKept || workspace.shape.spillsBoundaries {
        offsets.append(try spill.append(model.boundary(layer, tokens: tokens, workspace)))
      }
    }
    boundaryOffsets.append(offsets)
    if let givenGradient {
      try givenGradient(model.residualGradient(tokens: tokens, workspace))
      return try park(index)
    }
    let losses = model.loss(batch, workspace, gradientWeights: weights[index], stop: stop)
    if stop.isRaised { throw TrainingError.stopped }
    lossTotal += batch.weighted(losses, by: weights[index])
    // Nothing that follows would be a direction.
    guard lossTotal.isFinite else {
      throw TrainingError.notANumber(step: 0, loss: lossTotal, microBatch: index, sequences: [])
    }
  }

  /// The backward of a block whose products the forward just left.
  private func backwardKept(_ index: Int, _ layer: Int) throws {
    let batch = batches[index]
    if workspace.shape.spillsBoundaries {
      let boundary = model.boundary(layer, tokens: batch.tokenCount, workspace)
      try spill.read(into: boundary, at: boundaryOffsets[index][layer])
    }
    try model.backwardBlock(
      layer, batch, adapters: nil, workspace, sink: &collectors[slot(layer)],
      needsInput: layer > lowestLayer, rerun: false)
  }

  /// Puts the gradient of the blocks' input away until the next block's turn.
  private func park(_ index: Int) throws {
    guard lowestKept > lowestLayer else { return }
    gradientOffsets.append(
      try spill.append(
        model.residualGradient(tokens: batches[index].tokenCount, workspace)))
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
      layer, batch, adapters: nil, workspace, sink: &collectors[0], needsInput: needsInput,
      rerun: true)
    if needsInput { try spill.write(gradient, at: gradientOffsets[index]) }
  }
}
