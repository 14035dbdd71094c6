public import Tensors
public import Transformer

/// The mutable state of a training run: adapters, optimizer and workspace. One step at a time; owned by one task.
///
/// It knows neither files nor recipes; `FineTuneSession` brings those.
public final class Trainer {
  public let model: Model
  public let adapters: AdapterSet
  public let workspace: Workspace
  /// Norm above which the gradient is scaled down; 0 for never. It is the norm of the gradient as the loss gives it,
  /// before any preconditioning, over all that is trained.
  public let clip: Float
  public private(set) var optimizer: AdapterOptimizer

  /// Maps all memory of `plan`, with the optimizer that it was made for. Throws `TensorError.outOfMemory`.
  public init(
    _ model: Model, _ layout: AdapterLayout, plan: MemoryPlan, clip: Float
  ) throws(TensorError) {
    var model = model
    model.streamsWeights = plan.streamsWeights
    self.model = model
    self.clip = clip
    workspace = try Workspace(model.configuration, plan.workspace)
    adapters = try AdapterSet(
      layout, layerCount: model.configuration.layerCount, storage: plan.workspace.storage,
      trainable: true, precision: plan.optimizer.precision, freezesA: plan.optimizer.freezesA)
    optimizer = try AdapterOptimizer(plan.optimizer, layout)
  }

  /// Opens what the plan spills to; to be called once before anything runs. Throws `TensorError.cannotSpill`.
  public func openSpill(directory: String) throws(TensorError) {
    try workspace.openSpill(directory: directory)
  }

  /// Gives the workspace's pages back until the next forward: nothing in it outlives a step.
  public func releaseWorkspace() {
    workspace.arena.discardPages()
  }

  /// Forward, loss and backward of one micro-batch, as a step does them; the gradients are left behind. For timing.
  ///
  /// - Returns: seconds.
  public func time(_ batch: TokenBatch, stop: StopFlag? = nil) throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    model.forward(batch, adapters: adapters, workspace, stop: stop)
    _ = model.loss(
      batch, workspace, gradientWeight: 1 / Float(max(batch.targetCount, 1)), stop: stop)
    model.backward(batch, adapters: adapters, workspace, stop: stop)
    if let failure = workspace.spillFailure { throw failure }
    return (clock.now - start) / .seconds(1)
  }

  /// One optimizer step on the mean loss over all targets of `microBatches`.
  ///
  /// Throws `TrainingError.notANumber` before anything is changed when the loss or the gradient is not finite,
  /// `TrainingError.stopped`, with nothing changed either, once `stop` is raised, and `TensorError.cannotSpill` when the disk is
  /// full.
  public func step(
    _ microBatches: [TokenBatch], learningRate: Double, stop: StopFlag? = nil
  ) throws -> StepReport {
    let clock = ContinuousClock()
    let start = clock.now
    let pausedBefore = stop.pausedTime
    guard let gradients = adapters.gradients else {
      preconditionFailure("a trainer's adapters are trainable")
    }
    gradients.clear()
    let targets = microBatches.reduce(0) { $0 + $1.targetCount }
    let weight = 1 / Float(max(targets, 1))
    var total = 0.0
    for (index, batch) in drawing(microBatches).enumerated() where batch.targetCount > 0 {
      model.forward(batch, adapters: adapters, workspace, stop: stop)
      let losses = model.loss(batch, workspace, gradientWeight: weight, stop: stop)
      if stop.isRaised { throw TrainingError.stopped }
      for nll in losses { total += Double(nll) }
      guard total.isFinite else {
        throw TrainingError.notANumber(
          step: optimizer.stepCount + 1, loss: total, microBatch: index,
          sequences: batch.sequences(ofNotFinite: losses))
      }
      model.backward(batch, adapters: adapters, workspace, stop: stop)
    }
    if stop.isRaised { throw TrainingError.stopped }
    if let failure = workspace.spillFailure { throw failure }
    let loss = total / Double(max(targets, 1))
    let norm = sumOfSquares(gradients).squareRoot()
    guard norm.isFinite else {
      throw TrainingError.notANumber(
        step: optimizer.stepCount + 1, loss: loss, microBatch: nil, sequences: [])
    }
    let scale = clip > 0 && norm > Double(clip) ? Float(Double(clip) / norm) : 1
    try optimizer.update(adapters, gradientScale: scale, learningRate: Float(learningRate))
    return StepReport(
      step: optimizer.stepCount, tokens: microBatches.reduce(0) { $0 + $1.tokenCount },
      targets: targets, loss: loss, learningRate: learningRate, gradientNorm: norm,
      seconds: (clock.now - start - (stop.pausedTime - pausedBefore)) / .seconds(1))
  }

  /// The micro-batches of the next step with what they draw: the rounding of gradients in int8, the masks of dropout.
  private func drawing(_ microBatches: [TokenBatch]) -> [TokenBatch] {
    let (settings, step) = (optimizer.settings, optimizer.stepCount)
    var row = 0
    return microBatches.map { batch in
      var batch = batch
      batch.rounding = GradientRounding(seed: settings.seed, step: step, firstRow: row)
      if settings.dropout > 0 {
        batch.dropout = Dropout(
          rate: settings.dropout, seed: settings.seed, step: step, firstRow: row)
      }
      row += batch.tokenCount
      return batch
    }
  }

  /// Mean negative log-likelihood of the targets of held-out micro-batches.
  ///
  /// - Parameter withAdapters: false evaluates the base.
  public func validate(
    _ microBatches: some RandomAccessCollection<TokenBatch>, withAdapters: Bool = true
  ) -> Double {
    var pass = ValidationPass(microBatches, withAdapters: withAdapters)
    while pass.advance(self) {}
    return pass.loss
  }

  // MARK: - State

  /// What is trained and what the optimizer keeps of it, as it lies in memory, by name: with the number of steps everything
  /// that the steps to come depend on.
  var state: [(name: String, values: Matrix)] {
    adapters.parameters.parts.map { ("adapters.\($0.name)", $0.values) }
      + (optimizer.moments?.parts ?? []).map { ("moments.\($0.name)", $0.values) }
  }

  /// To be called when the matrices of `state` have been filled with what they held after `stepCount` steps.
  func resume(at stepCount: Int) {
    optimizer.resume(at: stepCount)
    adapters.refresh()
  }

  /// Whether every parameter is a finite number.
  var isFinite: Bool {
    let parameters = adapters.parameters
    let length = 1 << 20
    return stride(from: 0, to: parameters.count, by: length).allSatisfy { start in
      parameters.slice(start, rows: 1, columns: min(length, parameters.count - start)).array()
        .allSatisfy(\.isFinite)
    }
  }
}

/// The mean loss over held-out micro-batches, one at a time, so that the caller can show progress and stop between them.
public struct ValidationPass {
  public let withAdapters: Bool
  private let batch: (Int) -> TokenBatch
  /// Wall time so far, as its caller counts it.
  var seconds = 0.0
  private var total = 0.0
  private var targets = 0
  /// Micro-batches done, and in all.
  public private(set) var done = 0
  public let count: Int

  init(_ batches: some RandomAccessCollection<TokenBatch>, withAdapters: Bool) {
    count = batches.count
    batch = { batches[batches.index(batches.startIndex, offsetBy: $0)] }
    self.withAdapters = withAdapters
  }

  /// The mean over the targets so far, in nats.
  public var loss: Double { total / Double(max(targets, 1)) }

  /// Runs the next micro-batch; false when all have been, or `stop` was raised meanwhile.
  mutating func advance(_ trainer: Trainer, stop: StopFlag? = nil) -> Bool {
    guard done < count, !stop.isRaised else { return false }
    let batch = batch(done)
    if batch.targetCount > 0 {
      trainer.model.forward(
        batch, adapters: withAdapters ? trainer.adapters : nil, trainer.workspace, stop: stop)
      let losses = trainer.model.loss(batch, trainer.workspace, stop: stop)
      if stop.isRaised { return false }
      for nll in losses { total += Double(nll) }
      targets += batch.targetCount
    }
    done += 1
    return true
  }
}

extension TokenBatch {
  /// Which of the batch's sequences have losses (one a target, in order) that are not finite.
  func sequences(ofNotFinite losses: [Float]) -> [Int] {
    let rows = targets.indices.filter { targets[$0] != TokenSequence.ignored }
    let bad = zip(rows, losses).filter { !$0.1.isFinite }.map(\.0)
    return (0..<sequenceCount).filter { sequence in
      bad.contains { (Int(starts[sequence])..<Int(starts[sequence + 1])).contains($0) }
    }
  }
}
