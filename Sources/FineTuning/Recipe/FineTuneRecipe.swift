internal import Tensors
internal import Tokenization
public import Transformer

/// Every setting of a training run, as a value: what the command line fills in, the session obeys, and `recipe.yaml` keeps.
///
/// Each setting is a property here and a row of `RecipeSetting.all`, which says its key, its help and its check.
public struct FineTuneRecipe: Sendable, Equatable {
  // MARK: Files

  /// The base model, a GGUF file.
  public var model: String?
  /// Training data: files, or folders with train/valid/test files, each perhaps with a weight
  /// (`DataPart`).
  public var data: [String] = []
  /// The folder to write the run to.
  public var output: String?

  // MARK: Adapters

  /// r, 1...256.
  public var rank = 8
  /// α: the adapters are scaled by α/√r (rank-stabilised) or α/r.
  public var alpha: Float = 16
  public var rslora = true
  /// Which projections get adapters: `all`, or names like `q,v` in any common spelling, separated by commas.
  public var targets = "all"
  /// Where the adapters start; see `initializations`.
  public var initialization = "gaussian"
  /// Sequences that a start which measures something looks at.
  public var initSamples = 64
  /// Which sequences those are; see `InitializationOrder`.
  public var initOrder = "random"
  /// Which mean of their losses is taken; see `InitializationLoss`.
  public var initLoss = "tokens"
  /// How large LoRA-One's start is; see `InitializationScale`.
  public var initScale = "normalized"
  /// γ of LoRA-One: the start has spectral norm α/(γ√r) in every matrix.
  public var gamma: Float = 128

  // MARK: Optimization

  /// See `optimizers`.
  public var optimizer = "adamw"
  /// Damping of scaled gradients, as a share of the mean eigenvalue of a pair's Gram matrix.
  public var damping: Float = 1e-2
  /// Learning rate of B over that of A.
  public var loraPlus: Float = 1
  /// Train B alone.
  public var freezeA = false
  /// How adapters are kept while they are trained; see `adapterPrecisions`.
  public var adapterPrecision = "split-fp32"
  /// How the optimizer's moments are kept; see `momentPrecisions`.
  public var moments = "fp32"
  /// Passes over the data; nil when `steps` is set. With neither, one epoch.
  public var epochs: Int?
  /// Optimizer steps; 0 writes the adapter as initialised.
  public var steps: Int?
  /// The time that the whole run may take; the number of steps is fitted to it.
  public var time: TimeSpan?
  /// The steps that a run of a given time was fitted to: what repeats it.
  public var pace: Pace?
  /// Tokens in a batch; nil when `batch` is set. With neither, `defaultBatchTokens`.
  public var batchTokens: Int?
  /// Sequences in a batch.
  public var batch: Int?
  /// Batches whose gradients are added up for one step.
  public var accum = 1
  /// Most tokens in a sequence.
  public var seqLen = 1024
  /// The highest learning rate of the schedule.
  public var lr: LearningRate = 1e-3
  /// See `schedules`.
  public var schedule = "linear"
  /// Share of all steps during which the learning rate rises.
  public var warmup: Float = 0.03
  public var weightDecay: Float = 0
  /// Share of the values of adapters' inputs that a step drops, 0 to below 1.
  public var dropout: Float = 0
  /// Largest norm of the whole gradient; 0 = no clipping.
  public var clip: Float = 1
  public var seed: UInt64 = 42

  // MARK: Machine

  /// Threads to compute with; nil = one for each core.
  public var threads: Int?
  /// Budget for resident memory; nil = what the plan needs.
  public var memory: ByteSize?
  /// See `computes`.
  public var compute = "auto"
  /// How far other work of the machine goes before the run (`ProcessPriority`); 0 = not at all.
  public var nice = 10

  /// Steps between checkpoints; nil = about every ten minutes.
  public var saveEvery: Int?
  /// Checkpoints that stay, the newest.
  public var keep = 3

  // MARK: Data and evaluation

  /// Share of the sequences set aside for validation when there is no validation file; 0 = none.
  public var valSplit: Float = 0.05
  /// Steps between validations; nil = at the end of each epoch.
  public var evalEvery: Int?
  /// Steps at which to validate, besides `evalEvery`; 0 is the start, before the first step. Empty = none.
  public var evalAt: [Int] = []
  /// Whether the last adapters are the result even where a validation found earlier ones better.
  public var keepLast = false
  /// Steps between answers to the same prompts, shown as they change; nil = none.
  public var sampleEvery: Int?
  /// How many prompts, of the validation part.
  public var samples = 3
  /// A general text whose perplexity is taken before and after; nil = none.
  public var forgetting: String?
  /// Validations without improvement after which training stops; nil = never.
  public var patience: Int?
  public var trainOnPrompt = false
  /// Roles whose messages are learned, separated by commas.
  public var trainOn = "assistant"
  /// Leave bad records out instead of stopping.
  public var skipBad = false
  /// One of `templates`, or the path of a file; `auto` is the model's own.
  public var template = "auto"
  /// The time that a template's `strftime_now` tells, such as 2026-07-04T09:05:03; nil: the day of the run.
  public var now: String?

  // MARK: Messages

  /// Steps between progress lines.
  public var logEvery = 1
  public var quiet = false
  /// Whether TensorBoard's event files are written.
  public var tensorboard = false

  // MARK: Origin

  /// Filled in when a run saves its recipe; not settings.
  public var provenance: Provenance?

  /// What exactly a run was made from.
  public struct Provenance: Sendable, Equatable, Codable {
    /// Version of Scion.
    public var scion: String
    public var base: Dataset.Source
    public var data: [Dataset.Source]
    /// The file of the chat template, where it is a file of its own.
    public var template: Dataset.Source?

    public init(
      scion: String, base: Dataset.Source, data: [Dataset.Source], template: Dataset.Source? = nil
    ) {
      self.scion = scion
      self.base = base
      self.data = data
      self.template = template
    }
  }

  /// The defaults.
  public init() {}

  public static let defaultBatchTokens = 2048
  public static let optimizers = OptimizerRule.allCases.map(\.rawValue)
  public static let adapterPrecisions = ParameterPrecision.allCases.map(\.rawValue)
  public static let momentPrecisions = MomentPrecision.allCases.map(\.rawValue)
  public static let initializations = AdapterInitialization.allCases.map(\.rawValue)
  public static let initOrders = InitializationOrder.allCases.map(\.rawValue)
  public static let initLosses = InitializationLoss.allCases.map(\.rawValue)
  public static let initScales = InitializationScale.allCases.map(\.rawValue)
  public static let schedules = ["linear", "cosine", "constant"]
  public static let computes = ComputeType.allCases.map(\.rawValue)
  public static let templates = ["auto"] + NamedTemplates.names

  // MARK: - What the settings mean

  /// The projections of `targets`, in the order of a block. Call after `validate()`: unknown names are left out.
  public var projections: [Projection] {
    let parts = targetParts
    if parts == ["all"] { return Projection.allCases }
    let chosen = Set(parts.compactMap { Projection(anySpelling: $0) })
    return Projection.allCases.filter(chosen.contains)
  }

  /// The projections of `targets` in a model, in the order of a block. `q,k,v` together are also the fused `qkv`, `gate,up` the
  /// fused `gate_up`. Throws `RecipeError.noSuchTarget`.
  public func projections(
    of configuration: ModelConfiguration
  ) throws(RecipeError) -> [Projection] {
    let available = configuration.projections
    // Experts have adapters only where they are asked for.
    if targetParts == ["all"] { return available }
    let all = available + configuration.expertProjections
    var wanted = Set(projections)
    for fused in available where !fused.parts.isEmpty && wanted.isSuperset(of: fused.parts) {
      wanted.subtract(fused.parts)
      wanted.insert(fused)
    }
    // A name that both forms of a tensor have is that of the form which the model has.
    if available.contains(.gateUp), targetParts.contains(Projection.gateUp.tensorName) {
      wanted.remove(.up)
      wanted.insert(.gateUp)
    }
    for projection in Projection.allCases
    where wanted.contains(projection) && !all.contains(projection) {
      throw .noSuchTarget(name: projection.shortName, available: all.map(\.shortName))
    }
    return all.filter(wanted.contains)
  }

  private var targetParts: [String] { Self.targetParts(targets) }

  /// The factor before B·A for pairs of rank `rank`.
  public var adapterScale: Float {
    rslora ? alpha / Float(rank).squareRoot() : alpha / Float(rank)
  }

  /// What one optimizer step covers, `accum` included.
  public var stepSize: BatchPlan.StepSize {
    if let batch { return .sequences(batch * accum) }
    return .tokens((batchTokens ?? Self.defaultBatchTokens) * accum)
  }

  /// Of a run of a given time the most that it may be, if there is a most: else two passes stand for it in plans.
  public var duration: BatchPlan.Duration {
    if let pace { return .steps(pace.stepCount) }
    return steps.map { .steps($0) } ?? .epochs(epochs ?? (time == nil ? 1 : 2))
  }

  /// Whether nothing but the time ends the run.
  var isBoundByTimeAlone: Bool { time != nil && steps == nil && epochs == nil }

  /// The same settings with every default that depends on another key written out.
  public var spelledOut: FineTuneRecipe {
    var recipe = self
    if steps == nil, time == nil, pace == nil { recipe.epochs = epochs ?? 1 }
    if batch == nil { recipe.batchTokens = batchTokens ?? Self.defaultBatchTokens }
    return recipe
  }

  // MARK: - Validation

  /// Throws the first thing that is wrong, by the settings' keys. Looks at no file.
  public func validate() throws(RecipeError) {
    if let reason = AdapterInitialization.reasonAgainst(initialization) {
      throw .startChangesBase(name: initialization, reason: reason, nearest: "lora-one")
    }
    for setting in RecipeSetting.all { try setting.check(self) }
    if epochs != nil, steps != nil { throw .conflict("epochs", "steps") }
    for (key, isSet) in [("epochs", epochs != nil), ("steps", steps != nil), ("time", time != nil)]
    where isSet && pace != nil {
      throw .conflict(key, "pace")
    }
    if batch != nil, batchTokens != nil { throw .conflict("batch", "batch_tokens") }
    if trainOnPrompt, trainOn != Self().trainOn { throw .conflict("train_on", "train_on_prompt") }
    let hasMoments = OptimizerRule(rawValue: optimizer)?.hasMoments ?? true
    if !hasMoments, moments != Self().moments {
      throw .badValue(
        key: "moments", value: "\"\(moments)\"",
        expected: "left out with the optimizer \(optimizer), which keeps no moments")
    }
  }
}
