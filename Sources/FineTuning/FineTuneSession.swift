internal import Foundation
public import Inference
public import Tensors
internal import Tokenization
internal import Transformer

/// One training run: everything between a recipe and trained adapters.
///
///     let session = try FineTuneSession(recipe)        // reads model and data, plans memory
///     let start = try session.makeStart()              // adapters to where training begins
///     while let progress = try start.advance() { … }
///     while let step = try session.step() { … }        // one optimizer step each
///     session.validate()
///
/// Values go in, values come out; it prints nothing and writes no result. What happens between the steps of a whole run is
/// `TrainingLoop`'s.
public final class FineTuneSession {
  /// The recipe, spelled out, with the hashes of what it was made from.
  public let recipe: FineTuneRecipe
  public let loaded: LoadedModel
  public let data: TrainingData
  public let memoryPlan: MemoryPlan
  public private(set) var batchPlan: BatchPlan
  public private(set) var schedule: LearningRateSchedule
  /// How the run goes through its schedule, where its steps are fitted to a time.
  public private(set) var pace: Pace?
  /// The schedule's highest learning rate: the recipe's, or what was found for it.
  private(set) var rate: Double
  private var isRateFound = false
  /// Tokens that all steps read.
  private(set) var totalTokens: Int
  /// The most steps that the recipe allows.
  let mostSteps: Int
  /// Wall time of `init`.
  let preparationSeconds: Double
  public let trainer: Trainer

  /// Optimizer steps done.
  public var stepsDone: Int { trainer.optimizer.stepCount }
  /// Optimizer steps in all.
  public var stepCount: Int { batchPlan.stepCount }
  /// Tokens read by the steps done.
  public private(set) var tokensDone = 0

  /// Tokens of the longest sequence that the run sees, in training and validation.
  private let longestSequence: Int
  private(set) var validationBatches: TokenBatches?
  /// Of the text that is watched for forgetting, where there is one.
  let forgettingWindows: [TokenSequence]
  private let startSample: [Int]
  /// What is no longer as the recipe has it.
  private let changes: [String]
  private let threadNotice: String?
  /// Why not every processor is used, or not the fastest products.
  public var machineNotices: [String] {
    let roundsLess = recipe.computeType.arithmetic != loaded.model.arithmetic
    let products =
      "products are computed in bf16, since those in int8, which are faster here, do not fit --memory"
    return [threadNotice, roundsLess ? products : nil].compactMap(\.self)
  }

  /// Reads, checks and plans everything that `recipe` names, in the order in which mistakes are cheapest to find.
  ///
  /// Throws `RecipeError`, `DataError`, `GGUFError`, `TokenizationError`, `TransformerError`, `TensorError`.
  public init(_ recipe: FineTuneRecipe, version: String) throws {
    let began = ContinuousClock.now
    try recipe.validate()
    guard let modelPath = recipe.model else { throw RecipeError.missing(key: "model") }
    guard !recipe.data.isEmpty else { throw RecipeError.missing(key: "data") }
    let parts = try recipe.data.map { try DataPart($0) }
    for part in parts { _ = try DataSource(path: part.path) }
    var loaded = try LoadedModel(path: modelPath, arithmetic: recipe.computeType.arithmetic)
    threadNotice =
      recipe.threads == nil
      ? try ThreadChoice.settle(for: loaded.model, storage: recipe.computeType.storage) : nil
    let projections = try recipe.projections(of: loaded.model.configuration)
    let builder = SequenceBuilder(
      loaded, template: recipe.template, clock: recipe.now.flatMap { TemplateClock($0) } ?? .today,
      sequenceLength: min(recipe.seqLen, loaded.model.configuration.contextLength),
      trainOnPrompt: recipe.trainOnPrompt, roles: recipe.learnedRoles)
    let data = try TrainingData(
      parts: parts, builder: builder, skipBad: recipe.skipBad,
      validationFraction: Double(recipe.valSplit), seed: recipe.seed)
    self.data = data
    longestSequence = data.longest
    loaded.prepare(forSequencesOf: longestSequence)

    let configuration = loaded.model.configuration
    let layout = AdapterLayout(
      configuration, rank: recipe.rank, alpha: recipe.alpha, rankStabilized: recipe.rslora,
      targets: projections)
    if layout.adaptsExperts, recipe.start.source != .nothing {
      throw RecipeError.startWithExperts(name: recipe.initialization)
    }
    if layout.adaptsExperts, recipe.dropout > 0 { throw RecipeError.dropoutWithExperts }
    let steps = try BatchPlan(
      lengths: data.train.lengths, size: recipe.stepSize, duration: recipe.duration,
      microTokens: 1, seed: recipe.seed)
    startSample = try FineTuneSession.startSample(recipe, data)
    let (plan, arithmetic) = try Self.plan(
      MemoryRequest(recipe, loaded, data, layout, steps: steps, startSample: startSample),
      mayRoundLess: recipe.choosesCompute)
    loaded.compute(in: arithmetic)
    self.loaded = loaded
    memoryPlan = plan
    batchPlan = steps.withMicroBatches(of: plan.microTokens)
    pace = recipe.pace
    rate = Double(recipe.lr.value ?? LearningRate.usual)
    schedule = Self.schedule(
      recipe, rate: rate, steps: recipe.pace?.scheduleSteps ?? batchPlan.stepCount)
    totalTokens = batchPlan.tokenCount
    mostSteps = recipe.isBoundByTimeAlone ? .max : batchPlan.stepCount
    validationBatches = try data.validation.map {
      try TokenBatches(evaluating: $0.sequences, microTokens: plan.microTokens)
    }
    // What was read to get here need not stay: the file's pages, and what parsing it and the data has freed.
    loaded.file.releasePages()
    ProcessMemory.releaseFreed()
    trainer = try Trainer(
      loaded.model, layout, plan: plan, clip: recipe.clip)
    forgettingWindows = try Self.forgettingWindows(
      recipe, loaded, microTokens: trainer.workspace.shape.tokens)

    var complete = recipe.spelledOut
    if builder.readsClock, complete.now == nil { complete.now = TemplateClock.today.text }
    complete.provenance = FineTuneRecipe.Provenance(
      scion: version,
      base: Dataset.Source(path: modelPath, sha256: loaded.file.sha256()),
      data: data.train.sources
        + (data.validation?.sources ?? []).filter { !data.train.sources.contains($0) },
      template: try Self.templateFile(recipe.template))
    changes = complete.changes(since: recipe.provenance)
    self.recipe = complete.withAbsolutePaths
    preparationSeconds = (ContinuousClock.now - began) / .seconds(1)
  }

  /// The plan and the products' arithmetic. Where int8's scratch does not fit the limit and nobody has asked for it, products
  /// are computed in the activations' type.
  private static func plan(
    _ request: MemoryRequest, mayRoundLess: Bool
  ) throws -> (MemoryPlan, ProductArithmetic) {
    do { return (try MemoryPlan(request), request.arithmetic) } catch {
      guard mayRoundLess, request.arithmetic == .int8 else { throw error }
      var request = request
      request.arithmetic = .activations
      return (try MemoryPlan(request), request.arithmetic)
    }
  }

  private static func schedule(
    _ recipe: FineTuneRecipe, rate: Double, steps: Int
  ) -> LearningRateSchedule {
    LearningRateSchedule(
      recipe.scheduleShape, peak: rate, steps: steps,
      warmup: .fraction(Double(recipe.warmup)))
  }

  /// Takes the steps of `pace`, the first of which are those done.
  ///
  /// Throws `TensorError.cannotSpill` without room for the order of a large set.
  func fit(_ pace: Pace) throws(TensorError) {
    self.pace = pace
    batchPlan = try BatchPlan(
      lengths: batchPlan.lengths, size: recipe.stepSize, duration: .steps(pace.stepCount),
      microTokens: batchPlan.microTokens, seed: recipe.seed)
    schedule = Self.schedule(recipe, rate: rate, steps: pace.scheduleSteps)
    totalTokens = batchPlan.tokenCount
  }

  /// Takes the learning rate that was found.
  func take(rate: Double) {
    self.rate = rate
    isRateFound = true
    schedule = Self.schedule(recipe, rate: rate, steps: schedule.steps)
  }

  /// Keeps `count` micro-batches of the validation part, spread over all.
  func limitValidation(to count: Int) { validationBatches = validationBatches?.spread(count) }

  /// The recipe that repeats this run: with the steps that its time was fitted to and the learning rate that was found, once
  /// they are known.
  var repeatable: FineTuneRecipe {
    var repeatable = recipe
    if let pace {
      (repeatable.time, repeatable.steps, repeatable.epochs) = (nil, nil, nil)
      repeatable.pace = pace
    }
    if recipe.lr == .automatic, isRateFound { repeatable.lr = .fixed(Float(rate)) }
    return repeatable
  }

  /// The file that a template's name means, if it means one.
  private static func templateFile(_ name: String) throws -> Dataset.Source? {
    guard !FineTuneRecipe.templates.contains(name), FileManager.default.fileExists(atPath: name)
    else { return nil }
    return Dataset.Source(path: name, sha256: try MappedFile(path: name).sha256())
  }

  /// The start that the recipe names, over a sample of the training sequences.
  ///
  /// - Parameters:
  ///   - spillDirectory: where temporary activations may lie, those of training (if the plan spills) too.
  ///   - store: where the start leaves what it finishes, made with `startFingerprint`.
  ///   - stop: once it is raised, `advance` throws `TrainingError.stopped`.
  public func makeStart(
    spillDirectory: String, store: StartStore? = nil, stop: StopFlag? = nil
  ) throws -> StartSession {
    try trainer.openSpill(directory: spillDirectory)
    return try StartSession(
      trainer,
      initializer: AdapterInitializer(
        recipe.start, scale: recipe.startScale, gamma: recipe.gamma,
        generator: RandomGenerator(seed: recipe.seed).stream("init")),
      data: InitializationData(startBatches, loss: recipe.startLoss),
      memory: memoryPlan.start, spillDirectory: spillDirectory, store: store,
      seed: recipe.seed, stop: stop)
  }

  /// What the user should know about recipe and model, a sentence each.
  public var notices: [String] {
    let configuration = loaded.model.configuration
    var notices = recipe.notices + configuration.notices
    if trainer.adapters.layout.adaptsExperts {
      notices.append(
        "adapters on experts have no form for PEFT: adapter.gguf is written, peft/ is not")
    }
    let ofLength = [
      configuration.contextNotice(sequenceLength: recipe.seqLen, longest: longestSequence),
      configuration.rotationNotice(forSequencesOf: longestSequence),
    ]
    return notices + data.notices + changes + ofLength.compactMap(\.self)
  }

  /// Whether the start takes long enough to be worth continuing after an interruption.
  public var measuresStart: Bool { recipe.start.source != .nothing }

  /// Whether the start leaves the model as the base is.
  public var startsAtBase: Bool { recipe.start.leavesModelUnchanged }

  /// Everything that the start's bits depend on, by setting or thing.
  public var startFingerprint: [String: String] {
    let forms = (memoryPlan.start?.forms ?? [:]).map { "\($0.shortName) \($1.rawValue)" }.sorted()
    var print = recipe.texts(bearing: [.start])
    print["version"] = recipe.provenance?.scion
    print["model"] = recipe.provenance?.base.sha256
    print["data"] = (recipe.provenance?.data ?? []).map(\.sha256).joined(separator: " ")
    print["weights"] = recipe.data.map { "\((try? DataPart($0).weight) ?? 1)" }
      .joined(separator: " ")
    if let template = recipe.provenance?.template { print["template"] = template.sha256 }
    print["targets"] = trainer.adapters.layout.projections.map(\.shortName).joined(separator: ",")
    print["compute"] = "\(loaded.model.arithmetic), \(memoryPlan.workspace.storage)"
    print["rotation"] = "\(loaded.model.configuration.needsLongRotation(longestSequence))"
    print["instruction set"] = Processor.instructionSet.name
    print["memory plan"] =
      "\(memoryPlan.microTokens) tokens, \(forms.joined(separator: ", "))"
    return print
  }

  /// The micro-batches of the start.
  var startBatches: [TokenBatch] {
    let sequences = data.train.sequences
    return BatchPlan.pack(
      startSample, lengths: sequences.lengths, limit: memoryPlan.microTokens
    ).map { TokenBatch($0.map { sequences[$0] }) }
  }

  /// The training sequences that the start looks at, by index.
  private static func startSample(_ recipe: FineTuneRecipe, _ data: TrainingData) throws -> [Int] {
    try recipe.startOrder.sample(
      recipe.initSamples, of: data.train.sequences.count, seed: recipe.seed)
  }

  /// The next optimizer step, or nil when all are done.
  ///
  /// Throws `TrainingError`, with nothing changed, when something is not a number (and says whose fault it is) or once `stop`
  /// is raised.
  public func step(stop: StopFlag? = nil) throws -> StepReport? {
    guard stepsDone < stepCount else { return nil }
    let index = stepsDone
    let batches = batchPlan.batches(index, of: data.train.sequences)
    let report: StepReport
    do {
      let position = pace?.position(after: index) ?? Double(index)
      report = try trainer.step(batches, learningRate: schedule.rate(at: position), stop: stop)
    } catch let error as TrainingError {
      throw explained(error, batches)
    }
    tokensDone += report.tokens
    return report
  }

  /// To be called when the trainer has been put where it was after `steps` steps.
  func resume(tokensDone: Int) { self.tokensDone = tokensDone }

  /// Passes over the data after the steps done (1.5: half of the second epoch).
  public var epochsDone: Double {
    stepsDone == 0 ? 0 : batchPlan.step(stepsDone - 1).epochsDone
  }

  /// Whether a validation is due now, after the step just done or before the first.
  public var isValidationDue: Bool { isValidationDue(after: stepsDone) }

  /// At the steps of `eval_at` (0, before the first, only if it stands there) and every `eval_every` steps; with neither
  /// at the end of an epoch; always after the last step.
  func isValidationDue(after step: Int) -> Bool {
    guard data.validation != nil else { return false }
    if recipe.evalAt.contains(step) { return true }
    guard step > 0 else { return false }
    if step == stepCount { return true }
    if let every = recipe.evalEvery { return step % every == 0 }
    guard recipe.evalAt.isEmpty else { return false }
    return batchPlan.step(step - 1).epoch != batchPlan.step(step).epoch
  }

  /// Validations after the steps behind `done` of a run of `count` steps.
  func validations(from done: Int, to count: Int) -> Int {
    guard data.validation != nil, count > done else { return 0 }
    let at = Set(recipe.evalAt.filter { $0 > done && $0 < count })
    var between = at.count
    if let every = recipe.evalEvery {
      let multiples = (count - 1) / every - done / every
      between += multiples - at.count { $0 % every == 0 }
    } else if recipe.evalAt.isEmpty {
      let perEpoch = max(1, stepsPerEpoch)
      between += (count - 1) / perEpoch - done / perEpoch
    }
    return between + 1
  }

  private var stepsPerEpoch: Int {
    switch recipe.stepSize {
    case .tokens(let size): (data.train.tokenCount + size - 1) / size
    case .sequences(let size): (batchPlan.lengths.count + size - 1) / size
    }
  }

  /// Mean loss of the validation part, or nil when there is none.
  public func validate(withAdapters: Bool = true) -> Double? {
    validationBatches.map { trainer.validate($0, withAdapters: withAdapters) }
  }

  /// The same micro-batch by micro-batch; nil when there is no validation part.
  func validationPass(withAdapters: Bool) -> ValidationPass? {
    validationBatches.map { ValidationPass($0, withAdapters: withAdapters) }
  }
}
