public import Tokenization
public import Transformer

/// Turns records into token sequences with their targets.
///
/// Targets: completions and assistant turns including the token that ends them; every token under `trainOnPrompt`; every
/// token of texts. Text, raw text: windows of `sequenceLength`, each token a target once. Other records that are longer are
/// cut at the end. Beginning-of-text is added where the tokenizer wants it and never doubled.
public struct SequenceBuilder: Sendable {
  public let tokenizer: Tokenizer
  /// How turns are written; nil joins prompt and completion plainly.
  public let template: ChatTemplate?
  /// Most tokens in a sequence.
  public let sequenceLength: Int
  /// Whether prompts are targets too.
  public let trainOnPrompt: Bool

  public init(
    tokenizer: Tokenizer, template: ChatTemplate?, sequenceLength: Int, trainOnPrompt: Bool = false
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

  /// The sequences of `record`. Throws `badRecord` (with `path`) for a token outside the vocabulary or turns that the
  /// template refuses.
  public func sequences(of record: DataRecord, path: String) throws(DataError) -> Result {
    switch record.content {
    case .completion(let prompt, let completion):
      guard template != nil else { return finish(plain(prompt: prompt, completion: completion)) }
      let turns = [
        ChatMessage(role: "user", content: prompt),
        ChatMessage(role: "assistant", content: completion),
      ]
      return finish(try chat(turns, record: record, path: path))
    case .messages(let messages):
      guard template != nil else {
        throw .badRecord(
          path: path, line: record.line,
          reason: "messages need a chat template, and the model has none: pass --template")
      }
      return finish(try chat(messages, record: record, path: path))
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
  private struct Marked {
    var ids: [Int32] = []
    var isTarget: [Bool] = []

    mutating func append(_ more: some Sequence<Int32>, isTarget mark: Bool) {
      for id in more {
        ids.append(id)
        isTarget.append(mark)
      }
    }
  }

  private func plain(prompt: String, completion: String) -> Marked {
    var marked = Marked()
    let head = withBeginning(tokenizer.encode(prompt, addBeginning: false, parseSpecial: true))
    let whole = withBeginning(
      tokenizer.encode(prompt + completion, addBeginning: false, parseSpecial: true))
    // One encoding of the joined text where the border lies between tokens; generation starts from `head` in any case.
    let tail =
      whole.starts(with: head)
      ? Array(whole[head.count...])
      : tokenizer.encode(completion, addBeginning: false, parseSpecial: true)
    marked.append(head, isTarget: false)
    marked.append(tail, isTarget: true)
    if let end = tokenizer.end, marked.ids.last != end { marked.append([end], isTarget: true) }
    return marked
  }

  private func chat(
    _ messages: [ChatMessage], record: DataRecord, path: String
  ) throws(DataError) -> Marked {
    var marked = Marked()
    guard let template else { return marked }
    let segments: [ChatSegment]
    do {
      segments = try template.segments(messages)
    } catch {
      throw .badRecord(path: path, line: record.line, reason: "\(error)")
    }
    for segment in segments {
      var ids = tokenizer.encode(segment.text, addBeginning: false, parseSpecial: true)
      if marked.ids.isEmpty { ids = withBeginning(ids) }
      marked.append(ids, isTarget: segment.isTarget)
    }
    return marked
  }

  private func tokens(
    _ ids: [Int32], labels: [Int32]?, record: DataRecord, path: String
  ) throws(DataError) -> Marked {
    let size = tokenizer.vocabularySize
    for id in ids where id < 0 || id >= size {
      throw .badRecord(
        path: path, line: record.line, reason: "token \(id) is outside the vocabulary (0..<\(size))"
      )
    }
    var marked = Marked()
    guard let labels else {
      marked.append(ids, isTarget: true)
      return marked
    }
    for (id, label) in zip(ids, labels) where label != -100 && label != id {
      throw .badRecord(
        path: path, line: record.line,
        reason: "label \(label) is neither -100 nor its token \(id) (labels are not shifted)")
    }
    marked.ids = ids
    marked.isTarget = labels.map { $0 != -100 }
    return marked
  }

  private func withBeginning(_ ids: [Int32]) -> [Int32] {
    guard tokenizer.addsBeginning, let beginning = tokenizer.beginning, ids.first != beginning
    else {
      return ids
    }
    return [beginning] + ids
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
