public import Tensors
public import Transformer

/// Brings a trainer's adapters to where training begins, piece by piece, so that the caller can show progress.
///
/// Gradient starts stream the base's gradient block by block (`GradientStream`) and decompose each matrix as soon as its
/// block is complete; the others draw random numbers alone.
public final class StartSession {
  /// How far the start is.
  public struct Progress: Sendable {
    /// 0…1.
    public let fraction: Double
    /// What is being done, for the progress line.
    public let activity: String
  }

  private let trainer: Trainer
  private let batches: [TokenBatch]
  private let initializer: AdapterInitializer
  private let stream: GradientStream?
  private let clock = ContinuousClock()
  private let began: ContinuousClock.Instant
  private var reports: [AdapterStartReport] = []
  private var isComplete = false

  /// - Parameters:
  ///   - batches: micro-batches of the initialisation data; unused by starts that measure nothing.
  ///   - memory: how the gradient is held; nil for the smallest exact forms.
  ///   - spillDirectory: where a temporary file of activations may lie.
  /// - Throws: `TensorError` when memory or the temporary file cannot be had.
  public init(
    _ trainer: Trainer, initializer: AdapterInitializer, batches: [TokenBatch],
    memory: StartMemory? = nil, spillDirectory: String
  ) throws(TensorError) {
    self.trainer = trainer
    self.initializer = initializer
    self.batches = batches
    began = clock.now
    guard initializer.initialization.source == .gradient else {
      stream = nil
      return
    }
    let targets = batches.reduce(0) { $0 + $1.targetCount }
    let weight = 1 / Float(max(targets, 1))
    let layout = trainer.adapters.layout
    let memory =
      memory
      ?? StartMemory(
        trainer.model.configuration, layout,
        data: MemoryRequest.Start(
          sequences: batches.count, tokens: batches.reduce(0) { $0 + $1.tokenCount }),
        storage: trainer.workspace.shape.storage, microTokens: trainer.workspace.shape.tokens,
        room: nil)
    stream = try GradientStream(
      trainer.model, trainer.workspace, layout: layout, batches: batches,
      weights: batches.map { Array(repeating: weight, count: $0.tokenCount) }, memory: memory,
      generator: initializer.generator.stream("incremental"), spillDirectory: spillDirectory)
  }

  /// Does the next piece; nil when the adapters are in place.
  public func advance() throws -> Progress? {
    guard !isComplete else { return nil }
    guard let stream else {
      for slot in trainer.adapters.layout.slots {
        let matrix = describe(slot)
        let start = try initializer.start(of: matrix)
        place(start, slot)
        reports.append(
          AdapterStartReport(matrix, initializer.initialization, start, nil))
      }
      finish()
      return Progress(fraction: 1, activity: "adapters drawn")
    }
    guard let progress = try stream.advance() else {
      finish()
      return nil
    }
    let layers = trainer.model.configuration.layerCount
    switch progress {
    case .forward(let done, let of):
      return Progress(
        fraction: 0.25 * Double(done) / Double(of), activity: "forward \(done)/\(of)")
    case .backward(let layer, let done, let of):
      let blocks = Double(layers - 1 - layer) + Double(done) / Double(of)
      return Progress(
        fraction: 0.25 + 0.75 * blocks / Double(layers), activity: "gradient of block \(layer)")
    case .block(let layer):
      try decompose(layer, stream)
      return Progress(
        fraction: 0.25 + 0.75 * Double(layers - layer) / Double(layers),
        activity: "block \(layer) decomposed")
    }
  }

  private func decompose(_ layer: Int, _ stream: GradientStream) throws {
    for projection in Projection.allCases {
      guard let slot = trainer.adapters.slot(layer: layer, projection),
        let form = stream.collector.forms[projection]
      else { continue }
      let matrix = describe(slot)
      let (start, report) =
        switch form {
        case .dense(let g):
          try initializer.start(of: matrix, from: ArenaGradientOperator(g))
        case .incremental(let gradient):
          try initializer.start(of: matrix, from: gradient.gradient)
        case .broken:
          try initializer.startWithoutMeasurement(of: matrix)
        case .factors(let xs, let ds):
          try initializer.start(
            of: matrix,
            from: FactorOperator(zip(ds, xs).map { FactorOperator.Factor(d: $0, x: $1) }))
        }
      place(start, slot)
      reports.append(report)
    }
  }

  private func place(_ start: AdapterStart, _ slot: AdapterSlot) {
    trainer.adapters.assign(slot, a: start.a.values, bt: start.bt.values)
  }

  private func describe(_ slot: AdapterSlot) -> AdaptedMatrix {
    AdaptedMatrix(
      name: slot.projection.weightName(layer: slot.layer), rows: slot.out, columns: slot.in,
      rank: slot.rank, scale: trainer.adapters.layout.scale(rank: slot.rank))
  }

  private func finish() { isComplete = true }

  /// The report for `init.json`: to be asked for when `advance` has returned nil. Runs the initialisation data once more
  /// for the loss after the start.
  public func report() -> StartReport {
    let order = Dictionary(
      uniqueKeysWithValues: trainer.adapters.layout.slots.enumerated().map {
        ($1.projection.weightName(layer: $1.layer), $0)
      })
    let after = stream == nil ? nil : trainer.validate(batches)
    return StartReport(
      initialization: initializer.initialization, scale: initializer.scale,
      gamma: initializer.gamma, rank: trainer.adapters.layout.rank,
      alpha: trainer.adapters.layout.alpha,
      sequences: stream == nil ? 0 : batches.reduce(0) { $0 + $1.sequenceCount },
      tokens: stream == nil ? 0 : batches.reduce(0) { $0 + $1.tokenCount },
      targets: stream == nil ? 0 : batches.reduce(0) { $0 + $1.targetCount },
      lossBefore: stream?.loss, lossAfter: after, seconds: (clock.now - began) / .seconds(1),
      matrices: reports.sorted { order[$0.name, default: 0] < order[$1.name, default: 0] })
  }
}
