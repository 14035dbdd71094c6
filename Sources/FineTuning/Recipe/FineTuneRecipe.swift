internal import Tensors
internal import Tokenization
public import Transformer

/// Every setting of a training run, as a value: what the command line fills in, the session obeys, and `recipe.yaml` keeps.
///
/// Keys in YAML are the flags' names with `_` for `-`. Only settings this version carries out exist here.
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
  /// Tokens in a batch; nil when `batch` is set. With neither, `defaultBatchTokens`.
  public var batchTokens: Int?
  /// Sequences in a batch.
  public var batch: Int?
  /// Batches whose gradients are added up for one step.
  public var accum = 1
  /// Most tokens in a sequence.
  public var seqLen = 1024
  /// The highest learning rate of the schedule.
  public var lr: Float = 1e-3
  /// See `schedules`.
  public var schedule = "linear"
  /// Share of all steps during which the learning rate rises.
  public var warmup: Float = 0.03
  public var weightDecay: Float = 0
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

  private var targetParts: [String] {
    targets.split(separator: ",").map { part in
      String(part.filter { !$0.isWhitespace }).lowercased()
    }
  }

  /// The factor before B·A for pairs of rank `rank`.
  public var adapterScale: Float {
    rslora ? alpha / Float(rank).squareRoot() : alpha / Float(rank)
  }

  /// What one optimizer step covers, `accum` included.
  public var stepSize: BatchPlan.StepSize {
    if let batch { return .sequences(batch * accum) }
    return .tokens((batchTokens ?? Self.defaultBatchTokens) * accum)
  }

  public var duration: BatchPlan.Duration {
    steps.map { .steps($0) } ?? .epochs(epochs ?? 1)
  }

  /// The same settings with every default that depends on another key written out.
  public var spelledOut: FineTuneRecipe {
    var recipe = self
    if steps == nil { recipe.epochs = epochs ?? 1 }
    if batch == nil { recipe.batchTokens = batchTokens ?? Self.defaultBatchTokens }
    return recipe
  }

  // MARK: - Validation

  /// What `targets` may be, as errors say it.
  private static let targetNames =
    "all, or some of q,k,v,o,gate,up,down (fused: qkv,gate_up; of experts: gate_exps,up_exps,down_exps)"

  /// Throws the first thing that is wrong, in the words of the flags. Looks at no file.
  public func validate() throws(RecipeError) {
    try check("rank", rank, (1...256).contains(rank), "1 to 256")
    try check("alpha", alpha, alpha.isFinite && alpha > 0, "a positive number")
    for part in targetParts where part != "all" && Projection(anySpelling: part) == nil {
      throw .badValue(key: "targets", value: part, expected: Self.targetNames)
    }
    if projections.isEmpty || (targetParts.contains("all") && targetParts.count > 1) {
      throw .badValue(
        key: "targets", value: "\"\(targets)\"", expected: Self.targetNames)
    }
    if let reason = AdapterInitialization.reasonAgainst(initialization) {
      throw .startChangesBase(name: initialization, reason: reason, nearest: "lora-one")
    }
    try check("init", initialization, among: Self.initializations)
    try check("init_samples", initSamples, initSamples > 0, "at least 1")
    try check("init_order", initOrder, among: Self.initOrders)
    try check("init_loss", initLoss, among: Self.initLosses)
    try check("init_scale", initScale, among: Self.initScales)
    try check("gamma", gamma, gamma.isFinite && gamma > 0, "a positive number")
    try check("optimizer", optimizer, among: Self.optimizers)
    try check("damping", damping, damping.isFinite && damping > 0, "a positive number, like 0.01")
    try check(
      "lora_plus", loraPlus, loraPlus.isFinite && loraPlus > 0,
      "a positive ratio of the learning rates of B and A, 1 for none")
    try check("adapter_precision", adapterPrecision, among: Self.adapterPrecisions)
    try check("moments", moments, among: Self.momentPrecisions)
    let hasMoments = OptimizerRule(rawValue: optimizer)?.hasMoments ?? true
    try check(
      "moments", moments, hasMoments || moments == Self().moments,
      "left out with the optimizer \(optimizer), which keeps no moments")
    if epochs != nil, steps != nil { throw .conflict("epochs", "steps") }
    try check("epochs", epochs, epochs.map { $0 > 0 } ?? true, "at least 1")
    try check("steps", steps, steps.map { $0 >= 0 } ?? true, "at least 0")
    if batch != nil, batchTokens != nil { throw .conflict("batch", "batch_tokens") }
    let sizes = 1...(1 << 24)
    try check("batch_tokens", batchTokens, batchTokens.map(sizes.contains) ?? true, "1 to 16777216")
    try check("batch", batch, batch.map(sizes.contains) ?? true, "1 to 16777216")
    try check("accum", accum, (1...65536).contains(accum), "1 to 65536")
    try check("seq_len", seqLen, (2...(1 << 20)).contains(seqLen), "2 to 1048576")
    try check("lr", lr, lr.isFinite && lr > 0, "a positive number")
    try check("schedule", schedule, among: Self.schedules)
    try check("warmup", warmup, warmup >= 0 && warmup < 1, "a share of the steps, 0 to below 1")
    try check("weight_decay", weightDecay, weightDecay.isFinite && weightDecay >= 0, "0 or more")
    try check("clip", clip, clip.isFinite && clip >= 0, "0 (off) or more")
    try check("threads", threads, threads.map((1...1024).contains) ?? true, "1 to 1024")
    try check("memory", memory, memory.map { $0.byteCount >= 1 << 20 } ?? true, "at least 1M")
    try check("compute", compute, among: Self.computes)
    try check("save_every", saveEvery, saveEvery.map { $0 > 0 } ?? true, "at least 1")
    try check("keep", keep, keep > 0, "at least 1")
    try check("val_split", valSplit, valSplit >= 0 && valSplit < 1, "a share, 0 to below 1")
    try check("eval_every", evalEvery, evalEvery.map { $0 > 0 } ?? true, "at least 1")
    for step in evalAt { try check("eval_at", step, step >= 0, "steps of 0 or more") }
    try check("patience", patience, patience.map { $0 > 0 } ?? true, "at least 1")
    try check(
      "train_on", trainOn, !learnedRoles.isEmpty && learnedRoles.allSatisfy(Self.isRole),
      "roles such as assistant,tool")
    if trainOnPrompt, trainOn != Self().trainOn { throw .conflict("train_on", "train_on_prompt") }
    let isFile = template.contains { "./".contains($0) }
    try check(
      "template", "\"\(template)\"", isFile || Self.templates.contains(template),
      Self.templates.joined(separator: ", ") + " or a file such as mine.jinja")
    try check(
      "now", now, now.map { TemplateClock($0) != nil } ?? true, "a time such as 2026-07-04T09:05:03"
    )
    try check("log_every", logEvery, logEvery > 0, "at least 1")
  }

  private func check(
    _ key: String, _ value: some Any, _ holds: Bool, _ expected: String
  ) throws(RecipeError) {
    guard !holds else { return }
    // An optional's own description would say "Optional(…)".
    let text = Mirror(reflecting: value).children.first.map { "\($0.value)" } ?? "\(value)"
    throw .badValue(key: key, value: text, expected: expected)
  }

  private func check(
    _ key: String, _ value: String, among names: [String]
  ) throws(RecipeError) {
    guard !names.contains(value) else { return }
    throw .badValue(key: key, value: "\"\(value)\"", expected: names.joined(separator: " or "))
  }
}
