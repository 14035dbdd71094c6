internal import Foundation
public import Tensors
public import Transformer

/// Scores targets of token sequences: the tasks `nll` and `perplexity`.
///
/// Sequences are packed into micro-batches without padding; only their targets' rows reach the head; what follows
/// the last target is not computed. Forward only. Sequences are asked for when their turn comes: only those of the micro-batch at
/// hand are in memory where a file holds them.
public final class LikelihoodEvaluation: Evaluation {
  private let task: EvaluationTask
  private let model: Model
  private let adapters: AdapterSet?
  /// Up to its last target.
  private let sequence: (Int) -> TokenSequence
  private let count: Int
  private let workspace: Workspace
  private let total: Int
  private var next = 0
  private var done = 0
  private var seconds = 0.0
  private var score = LikelihoodScore()

  public private(set) var rows: [EvaluationRow] = []

  public var stop: StopFlag?

  public let notices: [String]

  /// - Parameters:
  ///   - adapters: must have been made with the same `storage`.
  ///   - batchTokens: most tokens in a micro-batch; a longer sequence goes alone.
  ///
  /// Throws `EvaluationError` when there is no target or a sequence is longer than the model's context, or
  /// `TensorError.outOfMemory`.
  public init(
    task: EvaluationTask = .nll, _ model: Model, adapters: AdapterSet? = nil,
    storage: ElementType, sequences: some TokenSequenceList, batchTokens: Int = 1024
  ) throws {
    precondition(adapters.map { $0.storage == storage } ?? true)
    let context = model.configuration.contextLength
    var (total, longest) = (0, 0)
    for (index, sequence) in sequences.enumerated() {
      let tokens = sequence.tokensUpToLastTarget
      guard tokens <= context else {
        throw EvaluationError.sequenceTooLong(index: index, tokens: tokens, context: context)
      }
      total += tokens
      longest = max(longest, tokens)
    }
    guard total > 0 else { throw EvaluationError.noExamples }
    self.task = task
    var prepared = model
    prepared.prepare(forSequencesOf: longest)
    self.model = prepared
    notices = [model.configuration.rotationNotice(forSequencesOf: longest)].compactMap(\.self)
    self.adapters = adapters
    sequence = { sequences[$0].upToLastTarget }
    count = sequences.count
    self.total = total
    workspace = try Workspace(
      model.configuration,
      WorkspaceShape(
        tokens: max(longest, min(batchTokens, total)), storage: storage,
        rank: adapters?.layout.rank ?? 0, checkpointing: nil,
        adaptsExperts: adapters?.layout.adaptsExperts ?? false))
  }

  public func step() throws -> EvaluationProgress? {
    guard next < count, !stop.isRaised else { return nil }
    let clock = ContinuousClock()
    let begin = clock.now
    var batch = TokenBatch()
    let first = next
    var targets: [Int] = []
    while next < count {
      let sequence = sequence(next)
      guard batch.tokenCount + sequence.ids.count <= workspace.shape.tokens else { break }
      batch.append(sequence)
      targets.append(sequence.targetCount)
      next += 1
    }
    if batch.tokenCount > 0 {
      model.forward(batch, adapters: adapters, workspace, stop: stop)
      let losses = model.loss(batch, workspace, stop: stop)
      if stop.isRaised { return nil }
      guard losses.allSatisfy(\.isFinite) else {
        throw EvaluationError.notFinite(
          example: first + (batch.sequences(ofNotFinite: losses).first ?? 0) + 1,
          isOfAdapter: isSound(batch))
      }
      record(losses, targets, from: first)
    } else {
      record([], targets, from: first)
    }
    done += batch.tokenCount
    seconds += (clock.now - begin).seconds
    return EvaluationProgress(
      done: done, total: total, seconds: seconds, value: score.perplexity)
  }

  /// Whether the base alone computes numbers.
  private func isSound(_ batch: TokenBatch) -> Bool {
    guard adapters != nil else { return false }
    model.forward(batch, adapters: nil, workspace)
    return model.loss(batch, workspace).allSatisfy(\.isFinite)
  }

  /// Losses come in the order of the targets, of which each sequence has so many.
  private func record(_ losses: [Float], _ targets: [Int], from first: Int) {
    var place = 0
    for (index, count) in targets.enumerated() {
      var row = EvaluationRow(index: first + index, tokens: count)
      let own = losses[place..<place + count]
      row.nll = own.reduce(0) { $0 + Double($1) }
      for loss in own { score.add(Double(loss)) }
      rows.append(row)
      place += count
    }
  }

  public var report: EvaluationReport {
    var report = EvaluationReport(
      task: task, examples: rows.count, tokens: score.count, seconds: seconds)
    report.nllPerToken = score.mean
    report.perplexity = score.perplexity
    if task == .perplexity { report.perplexityError = score.perplexityError }
    return report
  }
}

extension TokenSequence {
  var tokensUpToLastTarget: Int {
    (targets.lastIndex { $0 != TokenSequence.ignored } ?? -1) + 1
  }

  /// Without the tokens behind the last target: nothing looks at them. Empty without a target.
  var upToLastTarget: TokenSequence {
    let count = tokensUpToLastTarget
    return TokenSequence(ids: Array(ids.prefix(count)), targets: Array(targets.prefix(count)))
  }
}

/// Sums over scored tokens.
struct LikelihoodScore: Sendable {
  private(set) var count = 0
  private var sum = 0.0
  private var sumOfSquares = 0.0

  mutating func add(_ nll: Double) {
    count += 1
    sum += nll
    sumOfSquares += nll * nll
  }

  /// Nats per token.
  var mean: Double? { count > 0 ? sum / Double(count) : nil }

  /// nil also where it is larger than any number.
  var perplexity: Double? { mean.map { exp($0) }.flatMap { $0.isFinite ? $0 : nil } }

  /// `perplexity · sqrt((mean of squares − mean²) / (count − 1))`, as llama.cpp has it.
  var perplexityError: Double? {
    guard let mean, let perplexity, count > 1 else { return nil }
    let variance = sumOfSquares / Double(count) - mean * mean
    return perplexity * (max(variance, 0) / Double(count - 1)).squareRoot()
  }
}
