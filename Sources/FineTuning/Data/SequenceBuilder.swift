public import Inference
public import Tokenization
public import Transformer

/// Turns records into token sequences with their targets.
///
/// Targets: completions and assistant turns including the token that ends them; every token under
/// `trainOnPrompt`; every token of texts. Text, raw text: windows of `sequenceLength`, each token a
/// target once. Other records that are longer are cut at the end. Beginning-of-text is added where
/// the tokenizer wants it and never doubled.
///
/// A model's tokenizer and chat template are asked for by the first record that needs them: token
/// ids need neither, texts no template.
public struct SequenceBuilder: Sendable {
  private let tokenizer: Result<Tokenizer, TokenizationError>
  /// How turns are written.
  private let encoder: Result<ConversationEncoder, TokenizationError>
  /// What is to be said if a record needs the template; nil when there is nothing.
  public let templateNotice: String?
  /// Ids below it are tokens.
  private let vocabularySize: Int
  /// Most tokens in a sequence.
  public let sequenceLength: Int
  /// Whether prompts are targets too.
  public let trainOnPrompt: Bool
  /// Roles whose messages are targets.
  public let roles: Set<String>
  /// Texts of the tokens that end a generation.
  private let endMarkers: [String]

  /// The roles of which one learns if nothing is said.
  public static let usualRoles: Set<String> = [ChatRole.assistant.rawValue]

  public init(
    tokenizer: Tokenizer, template: ChatTemplate, sequenceLength: Int, trainOnPrompt: Bool = false,
    roles: Set<String> = SequenceBuilder.usualRoles
  ) {
    precondition(sequenceLength > 1)
    self.tokenizer = .success(tokenizer)
    endMarkers = Self.endMarkers(tokenizer)
    self.roles = roles
    encoder = .success(ConversationEncoder(template, tokenizer))
    templateNotice = nil
    vocabularySize = tokenizer.vocabularySize
    self.sequenceLength = sequenceLength
    self.trainOnPrompt = trainOnPrompt
  }

  /// With what `loaded` has; `template` is a name that `LoadedModel.template` knows, `clock` the
  /// time it tells.
  public init(
    _ loaded: LoadedModel, template: String, clock: TemplateClock? = nil, sequenceLength: Int,
    trainOnPrompt: Bool = false, roles: Set<String> = SequenceBuilder.usualRoles
  ) {
    precondition(sequenceLength > 1)
    self.roles = roles
    endMarkers = (try? loaded.tokenizer).map(Self.endMarkers) ?? []
    tokenizer = Result { () throws(TokenizationError) in try loaded.tokenizer }
    encoder = Result { () throws(TokenizationError) in
      try loaded.encoder(template: template, clock: clock)
    }
    templateNotice = loaded.templateNotice(template)
    vocabularySize = loaded.vocabularySize
    self.sequenceLength = sequenceLength
    self.trainOnPrompt = trainOnPrompt
  }

  /// Whether what the template writes may depend on the day.
  public var readsClock: Bool { (try? encoder.get())?.template.readsClock ?? false }

  /// The longest first.
  private static func endMarkers(_ tokenizer: Tokenizer) -> [String] {
    tokenizer.endOfGeneration.map {
      tokenizer.decode([$0], skipSpecial: false)
    }.filter { $0.count > 2 }.sorted { ($0.count, $0) > ($1.count, $1) }
  }

  /// What became of one record.
  public struct Outcome: Sendable, Equatable {
    /// Sequences with at least one target.
    public var sequences: [TokenSequence] = []
    /// Whether the end was cut off.
    public var isTruncated = false
    /// Ends it spells itself.
    var ends = SpelledEnds()
    /// What the chat template did to it; nil for a record that needs none.
    public var notices: ConversationNotices?
  }

  /// The sequences of `record`. Throws `badRecord` (with `path`) for tokens outside the vocabulary
  /// and shifted labels, `cannotTokenize` for a record that needs what the model does not have.
  public func sequences(of record: DataRecord, path: String) throws(DataError) -> Outcome {
    switch record.content {
    case .completion(let prompt, let completion):
      let turns = [ChatMessage(.user, prompt), ChatMessage(.assistant, completion)]
      return try encode(Conversation(turns), record: record, path: path)
    case .conversation(let conversation):
      if let reason = reasonAgainst(conversation) {
        throw .badRecord(path: path, line: record.line, reason: reason)
      }
      return try encode(conversation, record: record, path: path)
    case .text(let text):
      let tokenizer = try needed(tokenizer, for: text)
      var ids = tokenizer.encode(text, addBeginning: false, parseSpecial: true)
      // One end, not two: a text that went through a template before has its own.
      if let end = tokenizer.end, !SpelledEnds.endsItself(text, endMarkers) { ids.append(end) }
      return Outcome(sequences: windows(ids, tokenizer))
    case .raw(let text):
      let tokenizer = try needed(tokenizer, for: text)
      let ids = tokenizer.encode(text, addBeginning: false, parseSpecial: false)
      return Outcome(sequences: windows(ids, tokenizer))
    case .tokens(let ids, let labels):
      return finish(try tokens(ids, labels: labels, record: record, path: path))
    }
  }

  /// A conversation as the model sees it, with what is learned of it; nil for other records and for
  /// those that the template refuses.
  func encoded(_ record: DataRecord) -> EncodedConversation? {
    guard let conversation = record.conversation else { return nil }
    var ends = SpelledEnds()
    let single = ends.removeAll(from: conversation, markers: endMarkers)
    return try? encoder.get().encode(single, roles: roles)
  }

  /// Why nothing can be learned of a conversation, whatever the template; nil when something can.
  private func reasonAgainst(_ conversation: Conversation) -> String? {
    guard conversation.messages.contains(where: { roles.contains($0.role) }) else {
      let names = roles.sorted().joined(separator: " or ")
      return "messages holds no \(names) message to learn"
    }
    for index in conversation.assistantTurns {
      let turn = conversation.messages[index]
      if turn.isTrained && turn.isEmpty {
        return "an assistant message is empty (messages[\(index)])"
      }
    }
    return nil
  }

  private func needed<Part>(
    _ part: Result<Part, TokenizationError>
  ) throws(DataError) -> Part {
    do { return try part.get() } catch { throw .cannotTokenize(error) }
  }

  /// The tokenizer, if it can take `text`.
  private func needed(
    _ tokenizer: Result<Tokenizer, TokenizationError>, for text: String
  ) throws(DataError) -> Tokenizer {
    let tokenizer = try needed(tokenizer)
    do { try tokenizer.checkLength(text.utf8.count) } catch { throw .cannotTokenize(error) }
    return tokenizer
  }

  /// Gives back what the tokenizer remembers of the words of many records.
  func forgetWords() { (try? tokenizer.get())?.forgetWords() }

  private func encode(
    _ conversation: Conversation, record: DataRecord, path: String
  ) throws(DataError) -> Outcome {
    let encoder = try needed(encoder)
    var ends = SpelledEnds()
    let single = ends.removeAll(from: conversation, markers: endMarkers)
    let encoded: EncodedConversation
    do {
      encoded = try encoder.encode(single, roles: roles)
    } catch {
      throw .badRecord(path: path, line: record.line, reason: error.description)
    }
    var outcome = finish((encoded.ids, encoded.isTarget))
    var notices = ConversationNotices()
    notices.add(encoded)
    outcome.notices = notices
    outcome.ends = ends
    return outcome
  }

  /// Ids with a mark at each token that is to be predicted.
  private typealias Marked = (ids: [Int32], isTarget: [Bool])

  private func tokens(
    _ ids: [Int32], labels: [Int32]?, record: DataRecord, path: String
  ) throws(DataError) -> Marked {
    for id in ids where id < 0 || id >= vocabularySize {
      throw .badRecord(
        path: path, line: record.line,
        reason: "token \(id) is outside the vocabulary (0..<\(vocabularySize))")
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
  private func finish(_ marked: Marked) -> Outcome {
    let count = min(marked.ids.count, sequenceLength)
    var targets = [Int32](repeating: TokenSequence.ignored, count: count)
    for index in 0..<count where index + 1 < marked.ids.count {
      if trainOnPrompt || marked.isTarget[index + 1] { targets[index] = marked.ids[index + 1] }
    }
    let sequence = TokenSequence(ids: Array(marked.ids[..<count]), targets: targets)
    return Outcome(
      sequences: sequence.targetCount > 0 ? [sequence] : [],
      isTruncated: marked.ids.count > sequenceLength)
  }

  /// Consecutive windows; each predicts its successor's first token, unless that follows a
  /// beginning of its own.
  private func windows(_ ids: [Int32], _ tokenizer: Tokenizer) -> [TokenSequence] {
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
