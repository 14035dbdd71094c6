public import Tensors
internal import Tokenization
public import Transformer

/// A piece of generated text: what one token made certain. `text` may be empty while a character or a possible stop
/// text is incomplete.
public struct GenerationPiece: Sendable, Equatable {
  /// The token; nil for text that was held back and follows at the end.
  public var id: Int32?
  public var text: String
}

/// What a generation cost and how it ended.
public struct GenerationReport: Sendable, Equatable, Codable {
  public var promptTokens = 0
  /// Tokens of the prompt whose keys and values were still there from the previous generation.
  public var reusedTokens = 0
  public var generatedTokens = 0
  public var promptSeconds = 0.0
  public var generationSeconds = 0.0
  /// nil while it runs.
  public var stopReason: StopReason?
}

/// One timeline of text: a model, its tokenizer, perhaps an adapter, and the keys and values of what was said.
///
///     try session.start(prompt: ids, options)
///     while let piece = try session.next() { … piece.text … }
///     session.report
///
/// `start` processes the prompt (in chunks; a beginning shared with what is cached is not computed again), each
/// `next` one token. With bfloat16 storage, generated tokens are multiplied in 8-bit integers (`multiplyFew`), the prompt is not. Owned by one task; not for many prompts at once (`BatchGenerator`).
public final class GenerationSession {
  public let loaded: LoadedModel
  /// Positions that prompt and answer share.
  public let contextLength: Int
  /// Of the generation that runs or ran last.
  public private(set) var report = GenerationReport()

  private let adapters: AdapterSet?
  private let cache: KeyValueCache
  private let workspace: Workspace
  /// Tokens whose keys and values are in the cache.
  private var cached: [Int32] = []
  private var run: Run?

  /// What changes while one generation runs.
  private struct Run {
    var options: GenerationOptions
    var sampler: Sampler
    /// nil when the model file does not say what its tokens stand for: then `next` throws.
    var decoder: StreamingDecoder?
    /// Tokens that end the generation.
    var ends: Set<Int32>
    var stop: StopCondition
    /// Row of the residual stream that predicts the next token.
    var row: Int
    /// Chosen, but not yet in the cache.
    var pending: Int32?
  }

  /// - Parameters:
  ///   - adapters: must have been made with the same `storage`.
  ///   - contextLength: nil: what the model was trained for.
  ///   - chunk: tokens of the prompt processed at a time.
  ///
  /// Throws `TensorError.outOfMemory`.
  public init(
    _ loaded: LoadedModel, adapters: AdapterSet? = nil, storage: ElementType,
    contextLength: Int? = nil, chunk: Int = 512
  ) throws(TensorError) {
    precondition(adapters.map { $0.storage == storage } ?? true)
    let configuration = loaded.model.configuration
    let contextLength = max(
      min(contextLength ?? configuration.contextLength, configuration.contextLength), 1)
    var prepared = loaded
    prepared.prepare(forSequencesOf: contextLength)
    self.loaded = prepared
    self.adapters = adapters
    self.contextLength = contextLength
    cache = try KeyValueCache(
      configuration, slots: 1, capacity: contextLength, storage: storage)
    workspace = try Workspace(
      configuration,
      WorkspaceShape(
        tokens: min(chunk, contextLength), storage: storage, rank: adapters?.layout.rank ?? 0,
        checkpointing: nil, lossRows: 1, adaptsExperts: adapters?.layout.adaptsExperts ?? false))
  }

  // MARK: - Prompt

  /// Begins a generation: checks and processes the prompt. One that still runs is abandoned. Once `stop` is raised, it ends
  /// early, with nothing begun.
  public func start(
    prompt: [Int32], _ options: GenerationOptions, stop: StopFlag? = nil
  ) throws(InferenceError) {
    run = nil
    try options.validate()
    guard !prompt.isEmpty else { throw .emptyPrompt }
    guard prompt.count < contextLength else {
      throw .promptTooLong(tokens: prompt.count, context: contextLength)
    }
    let vocabulary = loaded.model.configuration.vocabularySize
    if let bad = prompt.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
      throw .unknownToken(id: bad, vocabulary: vocabulary)
    }
    let clock = ContinuousClock()
    let begin = clock.now
    // The last token is always computed: its row predicts the first new one.
    let shared = zip(prompt.dropLast(), cached).prefix { $0 == $1 }.count
    cached.removeSubrange(shared...)
    var row = 0
    while cached.count < prompt.count {
      row = extend(
        Array(prompt[cached.count..<min(cached.count + workspace.shape.tokens, prompt.count)]),
        roundsFew: false, stop: stop)
      if stop.isRaised {
        // What the cache holds is not known.
        cached = []
        return
      }
    }
    report = GenerationReport(
      promptTokens: prompt.count, reusedTokens: shared,
      promptSeconds: (clock.now - begin).seconds)
    let tokens = try? loaded.decoder
    run = Run(
      options: options, sampler: Sampler(options), decoder: tokens.map { StreamingDecoder($0) },
      ends: options.ignoresEnd ? [] : tokens?.endOfGeneration ?? [],
      stop: StopCondition(options.stop), row: row)
  }

  /// Appends `ids` to the cache; returns the row of the last.
  private func extend(_ ids: [Int32], roundsFew: Bool, stop: StopFlag? = nil) -> Int {
    let first = Int32(cached.count)
    loaded.model.extend(
      ids: ids, slots: Array(repeating: 0, count: ids.count),
      positions: Array(first..<first + Int32(ids.count)), adapters: adapters, cache: cache,
      workspace, roundsFew: roundsFew, stop: stop)
    cached += ids
    return ids.count - 1
  }

  /// Logits [1, vocabulary] of the token that would come next; valid until the session is used again.
  ///
  /// Traps unless a generation has been started.
  public func logits() -> Matrix {
    guard let run else { preconditionFailure("no generation has been started") }
    return loaded.model.logits(rows: [run.row], workspace)
  }

  // MARK: - Tokens

  /// The next piece, or nil at the end; `report.stopReason` then says why. Throws `notFinite`, or `noText` for a model whose
  /// tokens cannot be written out.
  public func next() throws(InferenceError) -> GenerationPiece? {
    guard var run, report.stopReason == nil else { return nil }
    do { _ = try loaded.decoder } catch { throw .noText(error) }
    let clock = ContinuousClock()
    let begin = clock.now
    defer { report.generationSeconds += (clock.now - begin).seconds }
    guard report.generatedTokens < run.options.maxTokens else {
      return end(.maxTokens, &run)
    }
    if let id = run.pending {
      guard cached.count < contextLength else { return end(.contextFull, &run) }
      run.row = extend([id], roundsFew: true)
      run.pending = nil
    }
    let logits = loaded.model.logits(rows: [run.row], workspace, roundsFew: true)
    let id = run.sampler.next(logits)
    guard logits[0, Int(id)].isFinite else {
      self.run = nil
      throw .notFinite(position: cached.count)
    }
    guard !run.ends.contains(id) else { return end(.endOfTurn, &run) }
    report.generatedTokens += 1
    run.pending = id
    let text = run.stop.append(run.decoder?.append(id) ?? "")
    if run.stop.isMet { report.stopReason = .stopText }
    self.run = run
    return GenerationPiece(id: id, text: text)
  }

  private func end(_ reason: StopReason, _ run: inout Run) -> GenerationPiece? {
    report.stopReason = reason
    let text = run.stop.append(run.decoder?.finish() ?? "") + run.stop.finish()
    self.run = run
    return text.isEmpty ? nil : GenerationPiece(id: nil, text: text)
  }

  /// A whole generation: prompt in, ids and text out.
  public func generate(
    prompt: [Int32], _ options: GenerationOptions
  ) throws(InferenceError) -> (ids: [Int32], text: String) {
    try start(prompt: prompt, options)
    var ids: [Int32] = []
    var text = ""
    while let piece = try next() {
      if let id = piece.id { ids.append(id) }
      text += piece.text
    }
    return (ids, text)
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double { self / .seconds(1) }
}
