public import Tokenization

/// A prompt with the answer that is expected to it.
public struct ExactExample: Sendable, Equatable {
  /// The turns up to where the assistant answers.
  public var conversation: Conversation
  public var expected: String
  /// Line of the file where its record begins.
  public var line: Int

  public init(conversation: Conversation, expected: String, line: Int) {
    self.conversation = conversation
    self.expected = expected
    self.line = line
  }

  /// A record with an answer: prompt and completion, or messages that end with the assistant's. Throws `noAnswer`.
  public init(_ record: DataRecord) throws(EvaluationError) {
    line = record.line
    switch record.content {
    case .completion(let prompt, let completion):
      conversation = Conversation([ChatMessage(.user, prompt)])
      expected = completion
    case .conversation(let whole):
      guard let last = whole.messages.last, last.role == ChatRole.assistant.rawValue else {
        throw .noAnswer(line: record.line)
      }
      conversation = whole
      conversation.messages.removeLast()
      expected = last.content
    case .text, .tokens, .raw:
      throw .noAnswer(line: record.line)
    }
  }

  /// The first `count` records of a file as shots. Throws `noAnswer` or `tooFewShots`.
  public static func shots(
    _ count: Int, of records: [DataRecord]
  ) throws(EvaluationError) -> [ExactExample] {
    guard records.count >= count else {
      throw .tooFewShots(asked: count, found: records.count)
    }
    var shots: [ExactExample] = []
    for record in records.prefix(count) { shots.append(try ExactExample(record)) }
    return shots
  }

  /// The same with `shots` as earlier turns, between the system's message and the first question.
  public func preceded(by shots: [ExactExample]) -> ExactExample {
    let messages = conversation.messages
    let system = messages.prefix { $0.role == ChatRole.system.rawValue }
    var result = self
    result.conversation.messages =
      system
      + shots.flatMap { shot in
        shot.conversation.messages.filter { $0.role != ChatRole.system.rawValue }
          + [ChatMessage(.assistant, shot.expected)]
      } + messages.dropFirst(system.count)
    return result
  }
}

/// How an answer compares with the expected one; white space at the ends is of no account.
struct AnswerComparison: Sendable, Equatable {
  let exact: Bool
  /// Equal as JSON objects; nil when the expected answer is none.
  let json: Bool?
  /// Equal "intent"; nil when the expected object has none.
  let intent: Bool?

  init(output: String, expected: String) {
    let output = output.trimmed
    let expected = expected.trimmed
    exact = output == expected
    guard let wanted = JSONValue.object(in: expected) else {
      json = nil
      intent = nil
      return
    }
    let found = JSONValue.object(in: output)
    json = found?.isEquivalent(to: wanted) ?? false
    intent = wanted["intent"].map { found?["intent"]?.isEquivalent(to: $0) ?? false }
  }
}

extension String {
  /// Without white space at both ends.
  var trimmed: String {
    let start = firstIndex { !$0.isWhitespace } ?? endIndex
    let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? start
    return String(self[start..<end])
  }
}
