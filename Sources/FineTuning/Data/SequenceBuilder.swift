public import Tokenization
public import Transformer

/// Turns records into token sequences with their targets.
///
/// Targets: completions and assistant turns including the token that ends them; every token under `trainOnPrompt`; every
/// token of texts. Text, raw text: windows of `sequenceLength`, each token a target once. Other records that are longer are
/// cut at the end. Beginning-of-text is added where the tokenizer wants it and never doubled.
public struct SequenceBuilder: Sendable {
  public let tokenizer: Tokenizer
  /// How turns are written; `ChatTemplate.none` joins prompt and completion plainly.
  public let template: ChatTemplate
  /// Most tokens in a sequence.
  public let sequenceLength: Int
  /// Whether prompts are targets too.
  public let trainOnPrompt: Bool

  public init(
    tokenizer: Tokenizer, template: ChatTemplate, sequenceLength: Int, trainOnPrompt: Bool = false
  ) {
    precondition(sequenceLength > 1)
    self.tokenizer = tokenizer
    self.template = template
    self.sequenceLength = sequenceLength
    self.trainOnPrompt = trainOnPrompt
  }

  /// What became of one record.
  public struct Result: Sendable, Equatable {
    /// Sequences with at least one target.
    public var sequences: [TokenSequence] = []
    /// Whether the end was cut off.
    public var isTruncated = false
  }

  /// The sequences of `record`. Throws `badRecord` (with `path`) for tokens outside the vocabulary and shifted labels.
  public func sequences(of record: DataRecord, path: String) throws(DataError) -> Result {
    switch record.content {
    case .completion(let prompt, let completion):
      let turns = [ChatMessage(.user, prompt), ChatMessage(.assistant, completion)]
      return finish(template.encode(turns, tokenizer: tokenizer))
    case .messages(let messages):
      return finish(template.encode(messages, tokenizer: tokenizer))
    case .text(let text):
      var ids = tokenizer.encode(text, addBeginning: false, parseSpecial: true)
      if let end = tokenizer.end, ids.last != end { ids.append(end) }
      return Result(sequences: windows(ids))
    case .raw(let text):
      return Result(
        sequences: windows(tokenizer.encode(text, addBeginning: false, parseSpecial: false)))
    case .tokens(let ids, let labels):
      return finish(try tokens(ids, labels: labels, record: record, path: path))
    }
  }

  /// Ids with a mark at each token that is to be predicted.
  private typealias Marked = (ids: [Int32], isTarget: [Bool])

  private func tokens(
    _ ids: [Int32], labels: [Int32]?, record: DataRecord, path: String
  ) throws(DataError) -> Marked {
    let size = tokenizer.vocabularySize
    for id in ids where id < 0 || id >= size {
      throw .badRecord(
        path: path, line: record.line, reason: "token \(id) is outside the vocabulary (0..<\(size))"
      )
    }
    guard let labels else { return (ids, ids.map { _ in true }) }
    for (id, label) in zip(ids, labels) where label != -100 && label != id {
      throw .badRecord(
        path: path, line: record.line,
        reason: "label \(label) is neither -100 nor its token \(id) (labels are not shifted)")
    }
    return (ids, labels.map { $0 != -100 })
  }

  /// Shifts marks to targets, cuts, and drops what has no target.
  private func finish(_ marked: Marked) -> Result {
    let count = min(marked.ids.count, sequenceLength)
    var targets = [Int32](repeating: TokenSequence.ignored, count: count)
    for index in 0..<count where index + 1 < marked.ids.count {
      if trainOnPrompt || marked.isTarget[index + 1] { targets[index] = marked.ids[index + 1] }
    }
    let sequence = TokenSequence(ids: Array(marked.ids[..<count]), targets: targets)
    return Result(
      sequences: sequence.targetCount > 0 ? [sequence] : [],
      isTruncated: marked.ids.count > sequenceLength)
  }

  /// Consecutive windows; each predicts its successor's first token, unless that follows a beginning of its own.
  private func windows(_ ids: [Int32]) -> [TokenSequence] {
    let beginning = tokenizer.addsBeginning ? tokenizer.beginning : nil
    let ids = ids.first == beginning ? Array(ids.dropFirst()) : ids
    let prefix = beginning.map { [$0] } ?? []
    let step = sequenceLength - prefix.count
    var sequences: [TokenSequence] = []
    for start in stride(from: 0, to: ids.count, by: step) {
      let end = min(start + step, ids.count)
      let window = prefix + ids[start..<end]
      let next = prefix.isEmpty && end < ids.count ? ids[end] : TokenSequence.ignored
      let sequence = TokenSequence(ids: window, targets: Array(window.dropFirst()) + [next])
      if sequence.targetCount > 0 { sequences.append(sequence) }
    }
    return sequences
  }
}
