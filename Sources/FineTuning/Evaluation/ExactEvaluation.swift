public import Inference
public import Tensors
public import Tokenization
public import Transformer

/// The task `exact`: greedy answers, many at once, compared with the expected ones.
public final class ExactEvaluation: Evaluation {
  private let decoder: TokenDecoder
  private let examples: [ExactExample]
  private let prompts: [[Int32]]
  private let generator: BatchGenerator
  private var finished: [Int: EvaluationRow] = [:]
  private var tokenCount = 0
  private var seconds = 0.0

  public let notices: [String]

  public var stop: StopFlag? {
    get { generator.stop }
    set { generator.stop = newValue }
  }

  /// - Parameters:
  ///   - adapters: must have been made with the same `storage`.
  ///   - template: a name that `LoadedModel.template` knows.
  ///   - clock: the time that it tells; nil: now.
  ///   - shots: put before each prompt as earlier turns.
  ///   - maxTokens: most tokens of an answer.
  ///   - slots: most answers at a time.
  ///
  /// Throws `noExamples`, `promptTooLong`, `TokenizationError` or `TensorError.outOfMemory`.
  public init(
    _ loaded: LoadedModel, adapters: AdapterSet? = nil, storage: ElementType,
    template: String = "auto", clock: TemplateClock? = nil, examples: [ExactExample],
    shots: [ExactExample] = [],
    maxTokens: Int = 256, slots: Int = 64
  ) throws {
    guard !examples.isEmpty else { throw EvaluationError.noExamples }
    let context = loaded.model.configuration.contextLength
    let encoder = try loaded.encoder(template: template, clock: clock)
    var conversations = ConversationNotices()
    prompts = try examples.map { example in
      let prompt: EncodedConversation
      do throws(TokenizationError) {
        prompt = try encoder.prompt(example.preceded(by: shots).conversation)
      } catch {
        throw EvaluationError.refusedPrompt(line: example.line, reason: error)
      }
      guard prompt.ids.count < context else {
        throw EvaluationError.promptTooLong(
          line: example.line, tokens: prompt.ids.count, context: context)
      }
      conversations.add(prompt)
      return prompt.ids
    }
    decoder = try loaded.decoder
    self.examples = examples
    generator = try BatchGenerator(
      loaded.model, adapters: adapters, storage: storage, prompts: prompts, maxTokens: maxTokens,
      ends: decoder.endOfGeneration, slots: slots)
    notices =
      [
        loaded.templateNotice(template),
        loaded.model.configuration.rotationNotice(forSequencesOf: generator.capacity),
      ].compactMap(\.self) + conversations.sentences
  }

  public func step() throws -> EvaluationProgress? {
    let clock = ContinuousClock()
    let begin = clock.now
    guard let answers = try generator.step(), !stop.isRaised else { return nil }
    for answer in answers {
      finished[answer.index] = row(answer)
      tokenCount += answer.ids.count
    }
    seconds += (clock.now - begin).seconds
    return EvaluationProgress(
      done: finished.count, total: examples.count, seconds: seconds,
      value: share(finished.values.map { $0.exact ?? false }))
  }

  private func row(_ answer: BatchAnswer) -> EvaluationRow {
    let expected = examples[answer.index].expected
    let output = decoder.decode(answer.ids, skipSpecial: true)
    let comparison = AnswerComparison(output: output, expected: expected)
    var row = EvaluationRow(index: answer.index, tokens: answer.ids.count)
    row.prompt = decoder.decode(prompts[answer.index], skipSpecial: false)
    row.expected = expected
    row.output = output
    row.exact = comparison.exact
    row.jsonMatch = comparison.json
    row.intentMatch = comparison.intent
    return row
  }

  public var rows: [EvaluationRow] { finished.values.sorted { $0.index < $1.index } }

  public var report: EvaluationReport {
    let rows = finished.values
    var report = EvaluationReport(
      task: .exact, examples: rows.count, tokens: tokenCount, seconds: seconds)
    report.exactMatch = share(rows.compactMap(\.exact))
    report.jsonMatch = share(rows.compactMap(\.jsonMatch))
    report.intentAccuracy = share(rows.compactMap(\.intentMatch))
    return report
  }
}

/// The share of true values; nil of none.
private func share(_ values: [Bool]) -> Double? {
  values.isEmpty ? nil : Double(values.count { $0 }) / Double(values.count)
}
