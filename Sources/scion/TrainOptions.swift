import ArgumentParser
import FineTuning

/// The training flags: long names are the contract, recipe keys are the same words with `_`. A flag
/// that is given wins over the recipe file; what neither sets has its default.
struct TrainOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Training data: a file (JSONL, JSON, CSV, TSV, text; .gz, .zst), a folder with train.jsonl and, where there "
        + "is, valid.jsonl, or - for stdin; may be given several times, each with a weight such as a.jsonl:0.3 or "
        + "b.jsonl:2.",
      valueName: "path"),
    completion: .file())
  var data: [String] = []

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp("Folder for the run's results.", valueName: "folder"),
    completion: .file())
  var output: String?

  @Option(
    help: ArgumentHelp("Recipe to start from; flags override its keys.", valueName: "file"),
    completion: .file())
  var recipe: String?

  @Flag(
    help:
      "Replace the results of an earlier run in the output folder, when those of this one are complete."
  )
  var overwrite = false

  @Option(
    help: ArgumentHelp(
      "Whether to go on from a checkpoint: auto (an unfinished run of the same settings in the output folder goes on), "
        + "never (from the beginning), or a run's folder or checkpoint.",
      valueName: "auto|never|path"))
  var resume: TrainingLoop.Resume = .auto

  // MARK: Adapters

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Rank of the adapters, 1 to 256 (default: 8).", valueName: "n"))
  var rank: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Adapters are scaled by alpha/√rank, see --rslora (default: 16).", valueName: "number"))
  var alpha: Float?

  @Flag(
    inversion: .prefixedNo, help: "Scale by alpha/√rank rather than alpha/rank (default: --rslora)."
  )
  var rslora: Bool?

  @Option(
    help: ArgumentHelp(
      "Layers that get adapters (default: all). Models that fuse them have qkv and gate_up; experts have adapters only where "
        + "gate_exps, up_exps or down_exps is named.", valueName: "all|q,k,v,o,gate,up,down,…"))
  var targets: String?

  @Option(
    name: .customLong("init"),
    help: ArgumentHelp(
      "Where adapters start: gaussian or kaiming (classic LoRA: no change at step 0), lora-one (the gradient's "
        + "leading directions), lora-one-a (its row space, no change at step 0), eva (the inputs' leading directions, "
        + "no change at step 0), orthogonal (random directions as large as lora-one's: a control) (default: gaussian).",
      valueName: "start"),
    completion: .list(FineTuneRecipe.initializations))
  var initialization: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sequences whose gradient (eva: inputs) the start takes (default: 64).", valueName: "n"))
  var initSamples: Int?

  @Option(
    help: ArgumentHelp(
      "Which sequences those are: a seeded random choice, or the first of the training data (default: random).",
      valueName: FineTuneRecipe.initOrders.joined(separator: "|")),
    completion: .list(FineTuneRecipe.initOrders))
  var initOrder: String?

  @Option(
    help: ArgumentHelp(
      "Whose mean loss the start descends: that of all target tokens, or first of each sequence, so that short "
        + "ones count as much as long ones (default: tokens).",
      valueName: FineTuneRecipe.initLosses.joined(separator: "|")),
    completion: .list(FineTuneRecipe.initLosses))
  var initLoss: String?

  @Option(
    help: ArgumentHelp(
      "How large lora-one's start is: normalized (by gamma, alike in every matrix), linesearch (the gamma of "
        + "least loss on the start's sequences, by some more forward passes over them; no start at all where none beats the base), "
        + "theory (as large as the gradient itself) (default: normalized).",
      valueName: FineTuneRecipe.initScales.joined(separator: "|")),
    completion: .list(FineTuneRecipe.initScales))
  var initScale: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "LoRA-One's start has spectral norm alpha/(gamma·√rank) (default: 128).", valueName: "number")
  )
  var gamma: Float?

  // MARK: Optimization

  @Option(
    help: ArgumentHelp(
      "How adapters follow the gradient: adamw; scaled-adamw (each pair's gradient first divided by the "
        + "other factor's Gram matrix, so that the split of B·A does not matter); sgd and scaled-gd "
        + "(the same without moments; they want far larger learning rates) (default: adamw).",
      valueName: "rule"),
    completion: .list(FineTuneRecipe.optimizers))
  var optimizer: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Damping of scaled-adamw and scaled-gd, as a share of the Gram matrix's mean eigenvalue "
        + "(default: 0.01).", valueName: "share"))
  var damping: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Learning rate of B as a multiple of --lr, which is A's; 16 is usual in LoRA+ (default: 1).",
      valueName: "ratio"))
  var loraPlus: Float?

  @Flag(help: "Train B alone (LoRA-FA): A stays where it starts and takes no gradient or moments.")
  var freezeA = false

  @Option(
    help: ArgumentHelp(
      "How adapters are kept in training: split-fp32 (exact, 4 bytes each), fp32 (exact, 4 bytes and 2 "
        + "for a bf16 copy), bf16-sr (2 bytes, updates rounded at random) (default: split-fp32).",
      valueName: "split-fp32|fp32|bf16-sr"),
    completion: .list(FineTuneRecipe.adapterPrecisions))
  var adapterPrecision: String?

  @Option(
    help: ArgumentHelp(
      "How AdamW's two moments are kept: fp32 (8 bytes a parameter), bf16 (4), 8bit (2); the last two "
        + "rounded at random (default: fp32).", valueName: "fp32|bf16|8bit"),
    completion: .list(FineTuneRecipe.momentPrecisions))
  var moments: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Passes over the data (default: 1).", valueName: "n"))
  var epochs: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Optimizer steps, instead of --epochs; 0 writes the adapter as initialised.", valueName: "n"))
  var steps: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens per step (default: 2048).", valueName: "n"))
  var batchTokens: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sequences per step, instead of --batch-tokens.", valueName: "n"))
  var batch: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Batches added up for one step (default: 1).", valueName: "n"))
  var accum: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most tokens in a sequence; longer records are cut (default: 1024).", valueName: "n"))
  var seqLen: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Highest learning rate (default: 1e-3, chosen on a model of 135M parameters).",
      valueName: "rate"))
  var lr: Float?

  @Option(
    help: ArgumentHelp(
      "Learning rate after warm-up (default: linear).", valueName: "linear|cosine|constant"),
    completion: .list(FineTuneRecipe.schedules))
  var schedule: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of the steps with a rising learning rate (default: 0.03).", valueName: "share"))
  var warmup: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Decoupled weight decay (default: 0).", valueName: "number"))
  var weightDecay: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Largest norm of the gradient, before any scaling of pairs; 0 for no clipping (default: 1).",
      valueName: "norm"))
  var clip: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Same seed, same data, same machine type: same adapter (default: 42).", valueName: "n"))
  var seed: UInt64?

  // MARK: Memory, data, messages

  @Option(
    help: ArgumentHelp(
      "Budget for resident memory, e.g. 600M or 2G; a run that needs more ends with exit code 4 before it starts.",
      valueName: "size"))
  var memory: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps between checkpoints, the newest of which stay when the run is finished (default: about every ten minutes, "
        + "and none stays).", valueName: "n"))
  var saveEvery: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Checkpoints that stay, the newest (default: 3).", valueName: "n"))
  var keep: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of the data set aside for validation when there is no valid.jsonl (default: 0.05).",
      valueName: "share"))
  var valSplit: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps between validations (default: at the end of each epoch); the last step always has one.",
      valueName: "n"))
  var evalEvery: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps to validate at, besides --eval-every; 0 is the start with its adapters.",
      valueName: "5,10,20"))
  var evalAt: String?

  @Flag(help: "Keep the last adapters, not those that were best on the validation part.")
  var keepLast = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stop after so many validations without improvement (default: never).", valueName: "n"))
  var patience: Int?

  @Option(
    help: ArgumentHelp(
      "Roles whose messages are learned (default: assistant).", valueName: "assistant,tool,…"))
  var trainOn: String?

  @Flag(help: "Learn prompts too, not only completions.")
  var trainOnPrompt = false

  @Flag(help: "Leave bad records out instead of stopping.")
  var skipBad = false

  @Option(
    help: ArgumentHelp(TemplateName.help, valueName: TemplateName.values),
    completion: .list(TemplateName.all))
  var template: String?

  @Option(
    help: ArgumentHelp(
      "The time that a template's strftime_now tells (default: today; kept in the recipe).",
      valueName: "time"))
  var now: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps between progress lines off a terminal (default: 1).", valueName: "n"))
  var logEvery: Int?

  @Flag(help: "No progress on stderr.")
  var quiet = false

  /// The recipe file, or the defaults, with every given flag put over it.
  func makeRecipe(_ model: ModelOptions) throws -> FineTuneRecipe {
    var result = try recipe.map { try FineTuneRecipe(contentsOf: $0) } ?? FineTuneRecipe()
    func set<T>(_ value: T?, _ key: WritableKeyPath<FineTuneRecipe, T>) {
      if let value { result[keyPath: key] = value }
    }
    if model.model != nil || result.model == nil { result.model = try model.path() }
    if !data.isEmpty { result.data = data }
    if let output { result.output = output }
    set(rank, \.rank)
    set(alpha, \.alpha)
    set(rslora, \.rslora)
    set(targets, \.targets)
    set(initialization, \.initialization)
    set(initSamples, \.initSamples)
    set(initOrder, \.initOrder)
    set(initLoss, \.initLoss)
    set(initScale, \.initScale)
    set(gamma, \.gamma)
    set(optimizer, \.optimizer)
    set(damping, \.damping)
    set(loraPlus, \.loraPlus)
    if freezeA { result.freezeA = true }
    set(adapterPrecision, \.adapterPrecision)
    set(moments, \.moments)
    // Of two settings that exclude each other, the flag replaces the recipe's.
    if let epochs { (result.epochs, result.steps) = (epochs, steps) }
    if let steps { (result.epochs, result.steps) = (epochs, steps) }
    if let batchTokens { (result.batchTokens, result.batch) = (batchTokens, batch) }
    if let batch { (result.batchTokens, result.batch) = (batchTokens, batch) }
    set(accum, \.accum)
    set(seqLen, \.seqLen)
    set(lr, \.lr)
    set(schedule, \.schedule)
    set(warmup, \.warmup)
    set(weightDecay, \.weightDecay)
    set(clip, \.clip)
    set(seed, \.seed)
    if let memory {
      guard let size = ByteSize(memory) else {
        throw UsageError("--memory \(memory) is not a size: write it like 600M or 2G")
      }
      result.memory = size
    }
    if let saveEvery { result.saveEvery = saveEvery }
    set(keep, \.keep)
    set(valSplit, \.valSplit)
    if let evalEvery { result.evalEvery = evalEvery }
    if let evalAt {
      result.evalAt = try evalAt.split(separator: ",", omittingEmptySubsequences: false).map {
        guard let step = Int($0.filter { !$0.isWhitespace }) else {
          throw UsageError("--eval-at \(evalAt) is no list of steps: write it like 5,10,20")
        }
        return step
      }
    }
    if keepLast { result.keepLast = true }
    if let patience { result.patience = patience }
    if trainOnPrompt { (result.trainOnPrompt, result.trainOn) = (true, trainOn ?? "assistant") }
    if let trainOn { (result.trainOn, result.trainOnPrompt) = (trainOn, trainOnPrompt) }
    if skipBad { result.skipBad = true }
    set(template, \.template)
    if let now { result.now = now }
    set(logEvery, \.logEvery)
    if quiet { result.quiet = true }
    if let compute = model.compute { result.compute = compute.rawValue }
    if let threads = model.threads { result.threads = threads }
    return result
  }
}
