public import Tensors
internal import Transformer

/// Brings a trainer's adapters to where training begins, piece by piece, so that the caller can show progress and stop.
///
/// Gradient starts stream the base's gradient block by block (`GradientStream`), EVA the inputs of its layers
/// (`InputStream`), and each matrix is decomposed as soon as its block is complete; the others draw random numbers alone.
/// A line search over the start's size follows where one is asked for (`LineSearch`), then the loss of the initialisation
/// data with the adapters as they start. With a `StartStore`, blocks that an interrupted start has finished are not done
/// again, and the result is the same to the bit.
public final class StartSession {
  /// How far the start is.
  public struct Progress: Sendable {
    /// 0…1.
    public let fraction: Double
    /// What is being done, for the progress line.
    public let activity: String
  }

  private enum Stage {
    case measuring
    case evaluating(LossEvaluation, of: Evaluated)
    case complete
  }

  private enum Evaluated {
    /// The base, where measuring does not give its loss.
    case base
    /// A size of the line search.
    case trial
    case start
  }

  enum Stream {
    case gradient(GradientStream)
    case inputs(InputStream)
  }

  let trainer: Trainer
  let data: InitializationData
  let initializer: AdapterInitializer
  let store: StartStore?
  private let seed: UInt64?
  let stop: StopFlag?
  let stream: Stream?
  private let clock = ContinuousClock()
  private let began: ContinuousClock.Instant
  private var stage = Stage.measuring
  var reports: [AdapterStartReport] = []
  private var lossBefore: Double?
  private var lossAfter: Double?
  private var search: LineSearch?
  private var pairs: AdapterPairs?
  /// Below this layer the gradient stream goes on; nil when nothing was finished before.
  let resumesBelow: Int?

  /// Blocks that an interrupted start had finished and this one takes over.
  public internal(set) var resumedBlocks = 0

  /// - Parameters:
  ///   - data: the initialisation data; unused by `gaussian` and `kaiming`.
  ///   - memory: how the measurement is held; nil for the smallest exact forms.
  ///   - spillDirectory: where a temporary file of activations may lie.
  ///   - store: what an interrupted start of the same fingerprint has left, and where this one leaves what it finishes.
  ///   - seed: of the run, for the report.
  ///   - stop: once it is raised, `advance` throws `TrainingError.stopped`; what is stored by then stays whole.
  /// - Throws: `TensorError` when memory or the temporary file cannot be had.
  public init(
    _ trainer: Trainer, initializer: AdapterInitializer, data: InitializationData,
    memory: StartMemory? = nil, spillDirectory: String, store: StartStore? = nil,
    seed: UInt64? = nil, stop: StopFlag? = nil
  ) throws(TensorError) {
    self.trainer = trainer
    self.initializer = initializer
    self.data = data
    self.store = store
    self.seed = seed
    self.stop = stop
    began = clock.now
    let layout = trainer.adapters.layout
    let layers = 0..<trainer.model.configuration.layerCount
    let adapted = Set(layout.slots.map(\.layer))
    let lowest = adapted.min() ?? 0
    let source = initializer.initialization.source
    let finished: [Int] =
      switch source {
      case .nothing: []
      case .gradient:
        store?.lowestFinished(of: layers, lowest: lowest).map { Array($0..<layers.upperBound) }
          ?? []
      case .inputs: layers.filter { store?.blocks[$0] != nil }
      }
    resumesBelow = source == .gradient ? finished.first : nil
    let isAllThere = !finished.isEmpty && adapted.isSubset(of: finished)
    if source == .nothing {
      stream = nil
    } else if source == .gradient && isAllThere {
      stream = nil
      lossBefore = finished.first.flatMap { store?.blocks[$0]?.loss }
    } else {
      stream = try StartSession.makeStream(
        trainer, initializer, data, memory, spillDirectory, store, finished: finished, stop: stop)
    }
    for layer in finished { restore(layer) }
  }

  private static func makeStream(
    _ trainer: Trainer, _ initializer: AdapterInitializer, _ data: InitializationData,
    _ memory: StartMemory?, _ spillDirectory: String, _ store: StartStore?, finished: [Int],
    stop: StopFlag?
  ) throws(TensorError) -> Stream {
    let layout = trainer.adapters.layout
    let configuration = trainer.model.configuration
    let size = MemoryRequest.Start(sequences: data.sequenceCount, tokens: data.tokenCount)
    let shape = trainer.workspace.shape
    let generator = initializer.generator.stream("incremental")
    if initializer.initialization.source == .inputs {
      return .inputs(
        try InputStream(
          trainer.model, trainer.workspace, layout: layout, batches: data.batches,
          weights: data.weights,
          memory: memory
            ?? StartMemory(
              inputsOf: configuration, layout, data: size, storage: shape.storage,
              microTokens: shape.tokens, room: nil),
          skipped: Set(0..<configuration.layerCount).subtracting(layout.slots.map(\.layer))
            .union(finished),
          generator: generator, spillDirectory: spillDirectory))
    }
    let resumption = finished.first.flatMap { layer in
      store.flatMap { store in
        store.blocks[layer].map { block in
          GradientStream.Resumption(
            layer: layer, loss: block.loss, gradient: store.gradientReader(layer))
        }
      }
    }
    return .gradient(
      try GradientStream(
        trainer.model, trainer.workspace, layout: layout, batches: data.batches,
        weights: data.weights,
        memory: memory
          ?? StartMemory(
            configuration, layout, data: size, storage: shape.storage, microTokens: shape.tokens,
            room: nil),
        generator: generator, spillDirectory: spillDirectory, resumption: resumption, stop: stop))
  }

  // MARK: - Piece by piece

  /// Does the next piece; nil when the adapters are in place and the losses are known.
  public func advance() throws -> Progress? {
    if stop.isRaised { throw TrainingError.stopped }
    switch stage {
    case .measuring:
      if let progress = try measure() { return progress }
      return try beginLosses()
    case .evaluating(var evaluation, let evaluated):
      if try evaluation.advance(data, trainer, stop: stop) {
        stage = .evaluating(evaluation, of: evaluated)
        return progress(evaluation, of: evaluated)
      }
      return try take(evaluation.loss, of: evaluated)
    case .complete: return nil
    }
  }

  /// What follows a loss that is complete.
  private func take(_ loss: Double, of evaluated: Evaluated) throws -> Progress? {
    switch evaluated {
    case .base:
      lossBefore = loss
      return try evaluate("loss of the start", of: .start)
    case .trial:
      search?.record(loss: loss)
      return try continueSearch()
    case .start:
      lossAfter = loss
      stage = .complete
      return nil
    }
  }

  private func evaluate(
    _ name: String, of evaluated: Evaluated, withAdapters: Bool = true
  ) throws -> Progress? {
    stage = .evaluating(LossEvaluation(name, withAdapters: withAdapters), of: evaluated)
    return try advance()
  }

  /// The stage after measuring.
  private func beginLosses() throws -> Progress? {
    switch stream {
    case .gradient(let stream): lossBefore = stream.loss
    case .inputs(let stream): lossBefore = stream.loss
    case nil: break
    }
    let start = initializer.initialization
    if start.leavesModelUnchanged || data.batches.isEmpty {
      lossAfter = lossBefore
      stage = .complete
      return nil
    }
    guard let lossBefore else {
      return try evaluate("loss of the base", of: .base, withAdapters: false)
    }
    if start == .loraOne && initializer.scale == .linesearch {
      search = LineSearch(baseLoss: lossBefore, gamma: initializer.gamma)
      pairs = AdapterPairs(trainer.adapters)
      return try continueSearch()
    }
    return try evaluate("loss of the start", of: .start)
  }

  /// Puts the next size to try in place, or the chosen one.
  private func continueSearch() throws -> Progress? {
    guard let search, let pairs else { preconditionFailure("a search is on") }
    if let multiplier = search.next {
      pairs.assign(to: trainer.adapters, times: multiplier)
      return try evaluate("line search, times \(multiplier)", of: .trial)
    }
    pairs.assign(to: trainer.adapters, times: search.chosen)
    self.pairs = nil
    lossAfter = search.chosenLoss
    for index in reports.indices { reports[index].startNorm *= Double(search.chosen) }
    stage = .complete
    return nil
  }

  /// Forward passes count a third of a micro-batch's way through the gradient. A search takes five or so.
  private func progress(_ evaluation: LossEvaluation, of evaluated: Evaluated) -> Progress {
    let count = Double(max(data.batches.count, 1))
    let passes = measuredPasses
    let before: Double =
      switch evaluated {
      case .base: 0
      case .trial: passes.measuring + Double(min(search?.trials.count ?? 0, 4))
      case .start: passes.all - 1
      }
    return Progress(
      fraction: min((before + Double(evaluation.done) / count) / passes.all, 1),
      activity: "\(evaluation.name) \(evaluation.done)/\(data.batches.count)")
  }

  /// Work in forward passes over the data: of the measurement, and in all.
  var measuredPasses: (measuring: Double, all: Double) {
    let measuring: Double =
      switch initializer.initialization.source {
      case .gradient: stream == nil ? 0 : 5
      case .inputs: stream == nil ? 0 : 1.5
      case .nothing: 0
      }
    if initializer.initialization.leavesModelUnchanged { return (measuring, max(measuring, 1)) }
    let searches = initializer.initialization == .loraOne && initializer.scale == .linesearch
    let losses: Double =
      searches ? 5 : initializer.initialization.source == .nothing ? 2 : 1
    return (measuring, measuring + losses)
  }

  // MARK: - The end

  /// The report for `init.json`: to be asked for when `advance` has returned nil.
  public func report() -> StartReport {
    guard case .complete = stage else { preconditionFailure("the start is not complete") }
    let order = Dictionary(
      uniqueKeysWithValues: trainer.adapters.layout.slots.enumerated().map {
        ($1.name, $0)
      })
    let usesData = lossBefore != nil
    let layout = trainer.adapters.layout
    let sorted = reports.sorted { order[$0.name, default: 0] < order[$1.name, default: 0] }
    return StartReport(
      initialization: initializer.initialization, scale: initializer.scale,
      loss: data.loss, gamma: initializer.gamma,
      chosenGamma: search.flatMap { $0.chosen > 0 ? initializer.gamma / $0.chosen : nil },
      rank: layout.rank, alpha: layout.alpha, isRankStabilized: layout.rankStabilized,
      seed: seed, sequences: usesData ? data.sequenceCount : 0,
      tokens: usesData ? data.tokenCount : 0, targets: usesData ? data.targetCount : 0,
      lossBefore: lossBefore, lossAfter: lossAfter, lineSearch: search?.trials,
      seconds: (clock.now - began) / .seconds(1),
      layers: initializer.initialization.source == .nothing ? [] : layers(of: sorted),
      matrices: sorted)
  }

  private func layers(of reports: [AdapterStartReport]) -> [StartReport.Layer] {
    let byName = Dictionary(uniqueKeysWithValues: reports.map { ($0.name, $0) })
    let layout = trainer.adapters.layout
    return Set(layout.slots.map(\.layer)).sorted().map { layer in
      StartReport.Layer(
        layer, layout.projections.compactMap { byName[$0.weightName(layer: layer)] })
    }
  }
}
