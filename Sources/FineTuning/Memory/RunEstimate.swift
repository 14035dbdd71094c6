internal import Transformer

/// What a run will take, in memory and time: the document of `scion plan --json` (keys in snake case).
public struct RunEstimate: Sendable, Equatable, Codable {
  public var parts: [MemoryPlan.Part]
  /// The most that will be resident.
  public var totalBytes: Int
  /// What --memory allows.
  public var budgetBytes: Int?
  public var startBytes: Int
  public var trainingBytes: Int
  public var savingBytes: Int

  /// Tokens of the largest micro-batch.
  public var microBatchTokens: Int
  public var layers: Int
  /// Layers that keep their products for the backward.
  public var keptLayers: Int
  public var lossRows: Int
  public var spillsBoundaries: Bool
  public var streamsWeights: Bool
  /// How the start holds the gradient of each projection, by short name.
  public var startForms: [String: String]
  public var trainableParameters: Int
  /// Adapter, gradient and optimizer state, of all parameters: the sum of the three below.
  public var bytesPerParameter: Double
  public var adapterBytesPerParameter: Double
  public var gradientBytesPerParameter: Double
  public var optimizerBytesPerParameter: Double

  public var steps: Int
  public var secondsPerStep: Double
  public var tokensPerSecond: Double
  public var startSeconds: Double
  public var validationSeconds: Double
  /// The whole run.
  public var totalSeconds: Double

  enum CodingKeys: String, CodingKey {
    case parts
    case totalBytes = "total_bytes"
    case budgetBytes = "budget_bytes"
    case startBytes = "start_bytes"
    case trainingBytes = "training_bytes"
    case savingBytes = "saving_bytes"
    case microBatchTokens = "micro_batch_tokens"
    case layers
    case keptLayers = "kept_layers"
    case lossRows = "loss_rows"
    case spillsBoundaries = "spills_boundaries"
    case streamsWeights = "streams_weights"
    case startForms = "start_forms"
    case trainableParameters = "trainable_parameters"
    case bytesPerParameter = "bytes_per_parameter"
    case adapterBytesPerParameter = "adapter_bytes_per_parameter"
    case gradientBytesPerParameter = "gradient_bytes_per_parameter"
    case optimizerBytesPerParameter = "optimizer_bytes_per_parameter"
    case steps
    case secondsPerStep = "seconds_per_step"
    case tokensPerSecond = "tokens_per_second"
    case startSeconds = "start_seconds"
    case validationSeconds = "validation_seconds"
    case totalSeconds = "total_seconds"
  }
}

extension FineTuneSession {
  /// The plan, and the time that two or three timed micro-batches of the first steps foretell. Changes nothing that is
  /// trained.
  ///
  /// - Parameter spillDirectory: where temporary activations may lie.
  public func estimate(spillDirectory: String) throws -> RunEstimate {
    let plan = memoryPlan
    let layout = trainer.adapters.layout
    let layers = loaded.model.configuration.layerCount
    let kept = min(plan.keptLayers, layers)
    let secondsPerToken = try secondsPerToken(spillDirectory: spillDirectory)
    // Passes over the weights for each token, in training and (with the gradient of the weights, and a last forward) in the
    // start, where a block that is run again leaves out a quarter; the decomposition counts as so many tokens.
    let work = ModelWork(loaded.model.configuration)
    let weights = Double(work.weights)
    let passes = 2 + Double(work.recomputedWeights(keptLayers: kept)) / weights
    let pass = secondsPerToken / passes
    let startTokens = Double(startBatches.reduce(0) { $0 + $1.tokenCount })
    let start =
      plan.start.map { start in
        // The inputs alone take one forward.
        if recipe.start.source == .inputs { return pass * (startTokens + 400) }
        let again =
          0.75 * Double(work.recomputedWeights(keptLayers: start.keptLayers)) / weights
        // A search tries four sizes or so; the loss of the last is known.
        let searches: Double =
          recipe.start == .loraOne && recipe.startScale == .linesearch ? 3 : 0
        return pass * ((4 + again + searches) * startTokens + 400)
      } ?? 0
    let held = Double(data.validation?.tokenCount ?? 0)
    let perStep = secondsPerToken * Double(totalTokens) / Double(max(stepCount, 1))
    var steps = stepCount
    var perValidation = pass * held
    if let time = recipe.time?.seconds, stepCount > 0 {
      perValidation = min(perValidation, TimeBudget.validationShare * time)
      // The base is validated before the first step.
      let before = start + preparationSeconds + (data.validation == nil ? 0 : perValidation)
      steps =
        TimeBudget(
          total: time, spent: before, secondsPerStep: perStep,
          secondsPerValidation: perValidation, validations: { self.validations(from: 0, to: $0) },
          secondsAtEnd: 0.5, most: mostSteps
        ).steps
    }
    let training = perStep * Double(steps)
    let validations = data.validation == nil || steps == 0 ? 0 : 1 + validations(from: 0, to: steps)
    let validation = perValidation * Double(validations)
    let search = recipe.lr == .automatic ? RateSearch.share * training : 0
    func perParameter(_ bytes: Int) -> Double { Double(bytes) / Double(layout.parameterCount) }
    let adapters = perParameter(
      AdapterSet.byteCount(
        layout, storage: plan.workspace.storage, precision: plan.optimizer.precision))
    let gradients = perParameter(
      AdapterSet.gradientByteCount(layout, freezesA: plan.optimizer.freezesA))
    let state = perParameter(plan.optimizer.stateByteCount(layout))
    return RunEstimate(
      parts: plan.parts, totalBytes: plan.total, budgetBytes: recipe.memory?.byteCount,
      startBytes: plan.peak(.start), trainingBytes: plan.peak(.training),
      savingBytes: plan.peak(.saving), microBatchTokens: plan.workspace.tokens, layers: layers,
      keptLayers: kept, lossRows: plan.workspace.lossRows,
      spillsBoundaries: plan.workspace.spillsBoundaries, streamsWeights: plan.streamsWeights,
      startForms: Dictionary(
        uniqueKeysWithValues: (plan.start?.forms ?? [:]).map { ($0.shortName, $1.rawValue) }),
      trainableParameters: layout.parameterCount,
      bytesPerParameter: adapters + gradients + state, adapterBytesPerParameter: adapters,
      gradientBytesPerParameter: gradients, optimizerBytesPerParameter: state,
      steps: steps, secondsPerStep: perStep,
      tokensPerSecond: secondsPerToken > 0 ? 1 / secondsPerToken : 0, startSeconds: start,
      validationSeconds: validation,
      totalSeconds: start + training + validation + search)
  }

  /// Most micro-batches that are timed, and seconds after which they are enough.
  private static let (mostTimed, enoughSeconds) = (12, 6.0)

  /// From the first micro-batches of the run. The very first also reads the file and touches memory, and does not count.
  private func secondsPerToken(spillDirectory: String) throws -> Double {
    try trainer.openSpill(directory: spillDirectory)
    var batches: [TokenBatch] = []
    for index in 0..<stepCount where batches.count <= Self.mostTimed {
      batches += batchPlan.batches(index, of: data.train.sequences).filter { $0.targetCount > 0 }
    }
    if stepCount == 0, let first = data.train.sequences.first {
      // A run without steps has room for no more; what is predicted does not matter to the clock.
      let ids = Array(first.ids.prefix(memoryPlan.workspace.tokens))
      batches = [TokenBatch([TokenSequence(ids: ids, targets: ids)])]
    }
    guard let first = batches.first else { return 0 }
    _ = try trainer.time(first)
    let others = batches.count == 1 ? [first] : batches.dropFirst().prefix(Self.mostTimed)
    var (seconds, tokens) = (0.0, 0)
    for batch in others where seconds < Self.enoughSeconds {
      seconds += try trainer.time(batch)
      tokens += batch.tokenCount
    }
    return seconds / Double(tokens)
  }
}
