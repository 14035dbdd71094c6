internal import Tensors
public import Transformer

/// The sequences that a start looks at, in micro-batches, and how their losses are averaged.
public struct InitializationData: Sendable {
  public let batches: [TokenBatch]
  public let loss: InitializationLoss
  /// By micro-batch and row, what each target's loss counts in the mean.
  let weights: [[Float]]

  public init(_ batches: [TokenBatch], loss: InitializationLoss = .tokens) {
    self.batches = batches
    self.loss = loss
    weights = loss.weights(batches)
  }

  public var sequenceCount: Int { batches.reduce(0) { $0 + $1.sequenceCount } }
  public var tokenCount: Int { batches.reduce(0) { $0 + $1.tokenCount } }
  public var targetCount: Int { batches.reduce(0) { $0 + $1.targetCount } }
}

/// The loss of the initialisation data, one micro-batch at a time.
struct LossEvaluation {
  /// What is evaluated, for the progress line.
  let name: String
  let withAdapters: Bool
  private(set) var done = 0
  private(set) var loss = 0.0

  init(_ name: String, withAdapters: Bool = true) {
    self.name = name
    self.withAdapters = withAdapters
  }

  /// Runs the next micro-batch; false when all have been. Throws `TensorError.cannotSpill`, or `TrainingError.stopped` once
  /// `stop` is raised.
  mutating func advance(
    _ data: InitializationData, _ trainer: Trainer, stop: StopFlag? = nil
  ) throws -> Bool {
    guard done < data.batches.count else { return false }
    let batch = data.batches[done]
    if batch.targetCount > 0 {
      trainer.model.forward(
        batch, adapters: withAdapters ? trainer.adapters : nil, trainer.workspace, stop: stop)
      let losses = trainer.model.loss(batch, trainer.workspace, stop: stop)
      if stop.isRaised { throw TrainingError.stopped }
      loss += batch.weighted(losses, by: data.weights[done])
      if let failure = trainer.workspace.spillFailure { throw failure }
    }
    done += 1
    return true
  }
}

extension TokenBatch {
  /// `Σ weight · loss` over the rows with a target; `losses` has one entry for each of them.
  func weighted(_ losses: [Float], by weights: [Float]) -> Double {
    let rows = targets.indices.filter { targets[$0] != TokenSequence.ignored }
    return zip(rows, losses).reduce(0) { $0 + Double(weights[$1.0]) * Double($1.1) }
  }
}
