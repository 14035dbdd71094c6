public import Tensors
public import Transformer

/// One finished answer of a `BatchGenerator`.
public struct BatchAnswer: Sendable, Equatable {
  /// Which of the prompts, from 0.
  public let index: Int
  /// The answer's tokens, without the one that ended it.
  public let ids: [Int32]
  public let stopReason: StopReason
}

/// Greedy answers to many prompts at once: evaluation at the speed of matrix products.
///
/// Some slots are answered together: one step adds one token to each, as one flat batch. Slots that finish are
/// filled with waiting prompts, many in one packed batch (continuous batching). Prompts and single tokens go in
/// separate calls, since only sequences from position 0 have the tiled attention. Answers equal those of one-by-one
/// generation except where two tokens are nearly tied. No sampling, no text.
public final class BatchGenerator {
  private let model: Model
  private let adapters: AdapterSet?
  private let prompts: [[Int32]]
  private let maxTokens: Int
  private let ends: Set<Int32>
  private let contextLength: Int
  /// Positions that an answer may take, its prompt included.
  public let capacity: Int
  private let cache: KeyValueCache
  private let workspace: Workspace
  private var nextPrompt = 0
  private var slots: [Slot?]

  /// An answer under way.
  private struct Slot {
    let index: Int
    /// Positions in the cache.
    var length: Int
    var answer: [Int32]
  }

  /// Answers at a time.
  public var slotCount: Int { slots.count }

  /// Once it is raised, `step` ends early, its answers are of no use, and there are no others.
  public var stop: StopFlag?

  /// Tokens run through the model so far, prompts included.
  public private(set) var processedTokens = 0

  /// - Parameters:
  ///   - adapters: must have been made with the same `storage`.
  ///   - maxTokens: most tokens of an answer.
  ///   - ends: tokens that end an answer.
  ///   - slots: most answers at a time; 64 make good use of the products.
  ///   - cacheBytes: most memory for keys and values; fewer slots are used where it would not do.
  ///   - contextLength: nil: what the model was trained for.
  ///   - promptTokens: tokens of prompts processed at a time.
  ///
  /// Throws `emptyPrompt`, `promptTooLong`, `unknownToken` for the first bad prompt, or `TensorError.outOfMemory`.
  public init(
    _ model: Model, adapters: AdapterSet? = nil, storage: ElementType, prompts: [[Int32]],
    maxTokens: Int, ends: Set<Int32>, slots: Int = 64, cacheBytes: Int = 512 << 20,
    contextLength: Int? = nil,
    promptTokens: Int = 1024
  ) throws {
    precondition(adapters.map { $0.storage == storage } ?? true)
    precondition(slots > 0 && promptTokens > 0 && maxTokens >= 0)
    let configuration = model.configuration
    let contextLength = min(
      contextLength ?? configuration.contextLength, configuration.contextLength)
    for prompt in prompts {
      guard !prompt.isEmpty else { throw InferenceError.emptyPrompt }
      guard prompt.count < contextLength else {
        throw InferenceError.promptTooLong(tokens: prompt.count, context: contextLength)
      }
      let vocabulary = configuration.vocabularySize
      if let bad = prompt.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
        throw InferenceError.unknownToken(id: bad, vocabulary: vocabulary)
      }
    }
    let longest = prompts.map(\.count).max() ?? 1
    let capacity = min(longest + maxTokens, contextLength)
    let slotBytes = KeyValueCache.byteCount(
      configuration, slots: 1, capacity: capacity, storage: storage)
    let slots = max(min(slots, prompts.count, cacheBytes / slotBytes), 1)
    var prepared = model
    prepared.prepare(forSequencesOf: capacity)
    self.model = prepared
    self.adapters = adapters
    self.prompts = prompts
    self.maxTokens = maxTokens
    self.ends = ends
    self.contextLength = contextLength
    self.capacity = capacity
    self.slots = Array(repeating: nil, count: slots)
    cache = try KeyValueCache(configuration, slots: slots, capacity: capacity, storage: storage)
    let tokens = max(min(promptTokens, prompts.reduce(0) { $0 + $1.count }), slots)
    workspace = try Workspace(
      configuration,
      WorkspaceShape(
        tokens: tokens, storage: storage, rank: adapters?.layout.rank ?? 0, checkpointing: nil,
        lossRows: min(slots, 64), adaptsExperts: adapters?.layout.adaptsExperts ?? false))
  }

  /// Answers that nobody has begun yet or that are under way.
  public var remaining: Int {
    prompts.count - nextPrompt + slots.count { $0 != nil }
  }

  /// Processes some prompts or adds one token to every answer under way.
  ///
  /// - Returns: the answers that this finished; nil when all are done.
  public func step() throws(InferenceError) -> [BatchAnswer]? {
    guard remaining > 0, !stop.isRaised else { return nil }
    let free = slots.count { $0 == nil }
    let waiting = prompts.count - nextPrompt
    // A packed batch of prompts costs less than many small ones: wait until a quarter of the slots is free.
    if waiting > 0 && (free == slots.count || free >= min((slots.count + 3) / 4, waiting)) {
      return try beginPrompts()
    }
    return try extendAnswers()
  }

  /// All answers, in the order of the prompts.
  public func run() throws(InferenceError) -> [BatchAnswer] {
    var answers: [BatchAnswer] = []
    while let finished = try step() { answers += finished }
    return answers.sorted { $0.index < $1.index }
  }

  // MARK: - Steps

  /// Fills free slots with as many waiting prompts as fit one batch; a longer one goes alone, in chunks.
  private func beginPrompts() throws(InferenceError) -> [BatchAnswer] {
    let room = workspace.shape.tokens
    var rows: [(slot: Int, row: Int)] = []
    var batch = FlatBatch()
    for slot in slots.indices where slots[slot] == nil && nextPrompt < prompts.count {
      let prompt = prompts[nextPrompt]
      guard batch.ids.isEmpty || batch.ids.count + prompt.count <= room else { break }
      slots[slot] = Slot(index: nextPrompt, length: prompt.count, answer: [])
      nextPrompt += 1
      processedTokens += prompt.count
      for start in stride(from: 0, to: prompt.count, by: room) {
        if start > 0 {
          run(batch)
          batch = FlatBatch()
        }
        batch.append(prompt[start..<min(start + room, prompt.count)], slot: slot, at: start)
      }
      rows.append((slot, batch.ids.count - 1))
      if prompt.count > room { break }
    }
    run(batch)
    return try predict(rows)
  }

  /// One token more for every answer under way.
  private func extendAnswers() throws(InferenceError) -> [BatchAnswer] {
    var rows: [(slot: Int, row: Int)] = []
    var batch = FlatBatch()
    for index in slots.indices {
      guard let slot = slots[index], let last = slot.answer.last else { continue }
      batch.append([last], slot: index, at: slot.length)
      slots[index]?.length += 1
      rows.append((index, batch.ids.count - 1))
    }
    processedTokens += batch.ids.count
    run(batch, roundsFew: true)
    return try predict(rows, roundsFew: true)
  }

  private func run(_ batch: FlatBatch, roundsFew: Bool = false) {
    model.extend(
      ids: batch.ids, slots: batch.slots, positions: batch.positions, adapters: adapters,
      cache: cache, workspace, roundsFew: roundsFew, stop: stop)
  }

  /// Takes the likeliest token of each row, and away the answers that are finished.
  private func predict(
    _ rows: [(slot: Int, row: Int)], roundsFew: Bool = false
  ) throws(InferenceError) -> [BatchAnswer] {
    var finished: [BatchAnswer] = []
    if stop.isRaised { return [] }
    for start in stride(from: 0, to: rows.count, by: workspace.shape.lossRows) {
      let chunk = rows[start..<min(start + workspace.shape.lossRows, rows.count)]
      let logits = model.logits(rows: chunk.map(\.row), workspace, roundsFew: roundsFew)
      for (place, (index, best)) in zip(chunk.map(\.slot), argmax(of: logits)).enumerated() {
        guard var slot = slots[index] else { continue }
        guard logits[place, best].isFinite else { throw .notFinite(position: slot.length) }
        let reason = accept(Int32(best), &slot)
        slots[index] = reason == nil ? slot : nil
        if let reason {
          finished.append(
            BatchAnswer(index: slot.index, ids: slot.answer, stopReason: reason))
        }
      }
    }
    return finished
  }

  private func accept(_ id: Int32, _ slot: inout Slot) -> StopReason? {
    if maxTokens == 0 { return .maxTokens }
    if ends.contains(id) { return .endOfTurn }
    slot.answer.append(id)
    if slot.answer.count == maxTokens { return .maxTokens }
    return slot.length == contextLength ? .contextFull : nil
  }
}

/// Rows of several slots, one after the other.
private struct FlatBatch {
  var ids: [Int32] = []
  var slots: [Int32] = []
  var positions: [Int32] = []

  mutating func append(_ tokens: ArraySlice<Int32>, slot: Int, at position: Int) {
    ids += tokens
    slots += repeatElement(Int32(slot), count: tokens.count)
    positions += Int32(position)..<Int32(position + tokens.count)
  }
}
