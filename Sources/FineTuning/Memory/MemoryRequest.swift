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
  /// Steps whose micro-batches are looked at: a later pass brings the same sequences in another order, and a plan for a
  /// million steps must not take minutes.
  static let stepsLookedAt = 16384

  /// What the run of `recipe` depends on. Every micro-batch of the validation and of the start is looked at, and those of the
  /// first `stepsLookedAt` steps. Where there may be more, which is also so where steps are fitted to a time on the way, room
  /// is kept for the fullest that the limit allows.
  ///
  /// - Parameter startSample: indices of the training sequences that the start looks at.
  init(
    _ recipe: FineTuneRecipe, _ loaded: LoadedModel, _ data: TrainingData, _ layout: AdapterLayout,
    steps: BatchPlan, startSample: [Int]
  ) {
    let storage = recipe.computeType.storage
    let lengths = data.train.lengths
    let held = data.validation?.lengths ?? SpilledArray([])
    let longest = data.longest
    let stepTokens =
      switch recipe.stepSize {
      case .tokens(let tokens): max(tokens, longest)
      case .sequences(let count): Self.most(lengths, count, longest: longest)
      }
    self.init(
      loaded.model, layout, storage: storage, fileBytes: loaded.file.byteCount,
      longest: longest, stepTokens: stepTokens, budget: recipe.memory?.byteCount)
    optimizer = recipe.optimizerSettings
    let startSample = recipe.start.looksAtData ? startSample : []
    let sampled = startSample.map { Int(lengths[$0]) }
    if recipe.start.source != .nothing {
      var measured = Start(sequences: sampled.count, tokens: sampled.reduce(0, +))
      measured.source = recipe.start.source
      start = measured
    }
    dataBytes = Self.dataBytes(data, steps: steps, startTokens: sampled.reduce(0, +))
    let shapes = Set(loaded.model.configuration.layers.map(\.attention))
    let stepsLookedAt = Self.stepsLookedAt
    let isWhole = recipe.time == nil && steps.stepCount <= stepsLookedAt
    extent = { limit in
      var extent = MicroBatchExtent(tokens: isWhole ? 1 : limit, attentionScratch: 0)
      func add(_ lengths: [Int]) -> Int {
        let runs = BatchPlan.pack(lengths: lengths, limit: limit)
        for run in runs {
          var starts: [Int32] = [0]
          for index in run { starts.append(starts[starts.count - 1] + Int32(lengths[index])) }
          extent.tokens = max(extent.tokens, Int(starts[starts.count - 1]))
          for shape in shapes {
            extent.attentionScratch = max(
              extent.attentionScratch, shape.scratchByteCount(starts: starts, type: storage))
          }
        }
        return runs.count
      }
      var (runs, tokens) = (0, 0)
      for index in 0..<min(steps.stepCount, stepsLookedAt) {
        let own = steps.lengths(ofStep: index)
        runs += add(own)
        tokens += own.reduce(0, +)
      }
      extent.meanTokens = Double(tokens) / Double(max(runs, 1))
      for group in TokenBatches.groups(held.count) { _ = add(held.values(group).map { Int($0) }) }
      _ = add(sampled)
      return extent
    }
  }

  /// Tokens of the `count` longest sequences.
  private static func most(_ lengths: SpilledArray<Int32>, _ count: Int, longest: Int) -> Int {
    var ofLength = [Int](repeating: 0, count: longest + 1)
    for length in lengths { ofLength[Int(length)] += 1 }
    var (left, tokens) = (count, 0)
    for length in stride(from: longest, to: 0, by: -1) where left > 0 {
      let taken = min(left, ofLength[length])
      tokens += taken * length
      left -= taken
    }
    return tokens
  }

  /// What the data take: tokens, two 32-bit numbers each, and the index of their rows and batches, which files take where they
  /// are large; what stays in memory of each row and step however many there are (a random order while it is made, which rows
  /// were chosen, where steps and validation batches begin); the start's micro-batches, made beforehand; and what tells leaks
  /// between training and validation.
  private static func dataBytes(
    _ data: TrainingData, steps: BatchPlan, startTokens: Int
  ) -> Int {
    func kept(_ values: Int, bytes: Int) -> Int {
      min(values * bytes, 2 * SpilledArray<Int32>.memoryLimit)
    }
    let parts = [data.train, data.validation].compactMap(\.self)
    let sets = parts.reduce(0) { sum, part in
      let rows = part.sequences.count
      return sum + kept(part.tokenCount, bytes: 8)
        + kept(rows, bytes: TokenSequences.bytesPerPlace) + kept(rows, bytes: 4)
    }
    let held = data.validation?.sequences.count ?? 0
    let rows = data.train.sequences.count + held
    return sets + rows * SpilledArray<Int32>.bytesWhilePermuting + RowSelection.byteCount(of: rows)
      + 12 * startTokens + 8 * steps.stepCount + TokenBatches.byteCount(most: held) + 32 * held
  }
}
