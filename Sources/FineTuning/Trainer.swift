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
  public func time(_ batch: TokenBatch) throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    model.forward(batch, adapters: adapters, workspace)
    _ = model.loss(batch, workspace, gradientWeight: 1 / Float(max(batch.targetCount, 1)))
    model.backward(batch, adapters: adapters, workspace)
    if let failure = workspace.spillFailure { throw failure }
    return (clock.now - start) / .seconds(1)
  }

  /// One optimizer step on the mean loss over all targets of `microBatches`.
  ///
  /// Throws `TrainingError.lossNotFinite` before anything is changed when the loss or the gradient is not finite, and
  /// `TensorError.cannotSpill` when the disk is full.
  public func step(_ microBatches: [TokenBatch], learningRate: Double) throws -> StepReport {
    let clock = ContinuousClock()
    let start = clock.now
    guard let gradients = adapters.gradients else {
      preconditionFailure("a trainer's adapters are trainable")
    }
    gradients.clear()
    let targets = microBatches.reduce(0) { $0 + $1.targetCount }
    let weight = 1 / Float(max(targets, 1))
    var total = 0.0
    for batch in microBatches where batch.targetCount > 0 {
      model.forward(batch, adapters: adapters, workspace)
      for nll in model.loss(batch, workspace, gradientWeight: weight) { total += Double(nll) }
      model.backward(batch, adapters: adapters, workspace)
    }
    if let failure = workspace.spillFailure { throw failure }
    let loss = total / Double(max(targets, 1))
    let norm = sumOfSquares(gradients).squareRoot()
    guard loss.isFinite && norm.isFinite else {
      throw TrainingError.lossNotFinite(step: optimizer.stepCount + 1, loss: loss)
    }
    let scale = clip > 0 && norm > Double(clip) ? Float(Double(clip) / norm) : 1
    try optimizer.update(adapters, gradientScale: scale, learningRate: Float(learningRate))
    return StepReport(
      step: optimizer.stepCount, tokens: microBatches.reduce(0) { $0 + $1.tokenCount },
      targets: targets, loss: loss, learningRate: learningRate, gradientNorm: norm,
      seconds: (clock.now - start) / .seconds(1))
  }

  /// Mean negative log-likelihood of the targets of held-out micro-batches.
  ///
  /// - Parameter withAdapters: false evaluates the base.
  public func validate(_ microBatches: [TokenBatch], withAdapters: Bool = true) -> Double {
    var total = 0.0
    var targets = 0
    for batch in microBatches where batch.targetCount > 0 {
      model.forward(batch, adapters: withAdapters ? adapters : nil, workspace)
      for nll in model.loss(batch, workspace) { total += Double(nll) }
      targets += batch.targetCount
    }
    return total / Double(max(targets, 1))
  }
}

/// What ends a training run.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// The loss or the gradient's norm stopped being a number; the adapters are those of the step before.
  case lossNotFinite(step: Int, loss: Double)
  /// There is nothing to learn from.
  case noTargets(path: String)

  public var description: String {
    switch self {
    case .lossNotFinite(let step, let loss):
      "the loss became \(loss) at step \(step): lower --lr, or raise --warmup"
    case .noTargets(let path):
      "\(path) has no token to learn from: every record is empty or longer than --seq-len"
    }
  }
}
