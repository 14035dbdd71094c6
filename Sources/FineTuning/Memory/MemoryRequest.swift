internal import Inference
public import Tensors
public import Transformer

/// The micro-batches that a limit on tokens leads to.
public struct MicroBatchExtent: Sendable, Equatable {
  /// Tokens of the largest micro-batch.
  public var tokens: Int
  /// Bytes of scratch that attention keeps for the worst micro-batch (`AttentionShape.scratchByteCount`).
  public var attentionScratch: Int
  /// Mean tokens of those of the steps: how well a dequantized weight is used.
  public var meanTokens: Double

  /// - Parameter meanTokens: nil for `tokens`.
  public init(tokens: Int, attentionScratch: Int, meanTokens: Double? = nil) {
    self.tokens = tokens
    self.attentionScratch = attentionScratch
    self.meanTokens = meanTokens ?? Double(tokens)
  }
}

/// Everything about a run that its memory depends on: what a `MemoryPlan` is made from.
public struct MemoryRequest {
  /// The initialisation data of a start that measures something.
  public struct Start: Sendable, Equatable {
    public var sequences: Int
    public var tokens: Int
    /// What is measured.
    public var source = AdapterInitialization.Source.gradient

    public init(sequences: Int, tokens: Int) {
      self.sequences = sequences
      self.tokens = tokens
    }
  }

  public var configuration: ModelConfiguration
  public var layout: AdapterLayout
  /// Type of the activations.
  public var storage: ElementType
  /// What the blocks' products are computed in.
  public var arithmetic: ProductArithmetic
  /// Size of the mapped model file.
  public var fileBytes: Int
  /// Most bytes of it that are resident when its weights are streamed.
  public var streamedBytes: Int
  /// Tokens of the longest sequence; a micro-batch holds at least one.
  public var longest: Int
  /// Tokens of the largest step; a micro-batch need not hold more.
  public var stepTokens: Int
  /// What changes the adapters, and how they are kept.
  public var optimizer = OptimizerSettings()
  /// Bytes of the sequences to train and validate on.
  public var dataBytes = 0
  public var threads = Processor.threads
  /// nil: the start measures nothing.
  public var start: Start?
  /// Bytes allowed; nil for the default plan.
  public var budget: Int?
  /// The largest micro-batch under a limit of so many tokens. By default of full ones of the longest sequences.
  public var extent: (Int) -> MicroBatchExtent

  public init(
    _ model: Model, _ layout: AdapterLayout, storage: ElementType, fileBytes: Int, longest: Int,
    stepTokens: Int, budget: Int? = nil
  ) {
    let configuration = model.configuration
    self.configuration = configuration
    self.layout = layout
    self.storage = storage
    arithmetic = model.arithmetic
    self.fileBytes = fileBytes
    streamedBytes = min(model.weights.streamedByteCount, fileBytes)
    self.longest = longest
    self.stepTokens = stepTokens
    self.budget = budget
    extent = { limit in
      let tokens = max(limit, longest)
      let starts = Array(stride(from: Int32(0), to: Int32(tokens), by: longest)) + [Int32(tokens)]
      return MicroBatchExtent(
        tokens: tokens,
        attentionScratch: configuration.attentionScratchByteCount(starts: starts, type: storage))
    }
  }
}

extension MemoryRequest {
  /// What the run of `recipe` depends on. Every micro-batch of the run is looked at: those of the steps, of the validation
  /// and of the start.
  ///
  /// - Parameter startSample: indices of the training sequences that the start looks at.
  init(
    _ recipe: FineTuneRecipe, _ loaded: LoadedModel, _ data: TrainingData, _ layout: AdapterLayout,
    steps: BatchPlan, startSample: [Int]
  ) {
    let storage = recipe.computeType.storage
    let lengths = data.train.lengths
    let held = data.validation?.lengths ?? []
    let longest = max(lengths.max() ?? 1, held.max() ?? 1)
    let stepTokens =
      switch recipe.stepSize {
      case .tokens(let tokens): max(tokens, longest)
      case .sequences(let count): lengths.sorted(by: >).prefix(count).reduce(0, +)
      }
    self.init(
      loaded.model, layout, storage: storage, fileBytes: loaded.file.byteCount,
      longest: longest, stepTokens: stepTokens, budget: recipe.memory?.byteCount)
    optimizer = recipe.optimizerSettings
    let startSample = recipe.start.looksAtData ? startSample : []
    let sampled = startSample.map { lengths[$0] }
    if recipe.start.source != .nothing {
      var measured = Start(sequences: sampled.count, tokens: sampled.reduce(0, +))
      measured.source = recipe.start.source
      start = measured
    }
    // Two 32-bit numbers a token, of a large set in a file, and places; batches of validation and start are made
    // beforehand.
    let copied = held.reduce(0, +) + sampled.reduce(0, +)
    let all = lengths.reduce(0, +) + held.reduce(0, +)
    dataBytes =
      min(8 * all, 2 * TokenSequences.memoryLimit) + 12 * copied
      + 80 * (lengths.count + held.count)
    let configuration = loaded.model.configuration
    extent = { limit in
      var extent = MicroBatchExtent(tokens: 1, attentionScratch: 0)
      func add(_ runs: [[Int]], _ lengths: [Int]) {
        for run in runs {
          var starts: [Int32] = [0]
          for index in run { starts.append(starts[starts.count - 1] + Int32(lengths[index])) }
          extent.tokens = max(extent.tokens, Int(starts[starts.count - 1]))
          extent.attentionScratch = max(
            extent.attentionScratch,
            configuration.attentionScratchByteCount(starts: starts, type: storage))
        }
      }
      let limited = steps.withMicroBatches(of: limit)
      var (runs, tokens) = (0, 0)
      for index in 0..<limited.stepCount {
        let step = limited.step(index).microBatches
        add(step, lengths)
        runs += step.count
        for run in step { for index in run { tokens += lengths[index] } }
      }
      extent.meanTokens = Double(tokens) / Double(max(runs, 1))
      add(BatchPlan.pack(Array(held.indices), lengths: held, limit: limit), held)
      add(BatchPlan.pack(startSample, lengths: lengths, limit: limit), lengths)
      return extent
    }
  }
}
