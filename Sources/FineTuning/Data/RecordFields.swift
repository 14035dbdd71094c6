internal import Tokenization

/// One record's object as its format reads it; fields that the format does not have are ignored.
struct RecordFields {
  /// Why a record cannot be used.
  struct Fault: Error { let reason: String }

  private let record: JSONValue

  /// Throws unless `value` is an object that holds no key twice.
  init(_ value: JSONValue) throws(Fault) {
    guard value.members != nil else {
      throw Fault(reason: "the record is \(value.kindName), not an object")
    }
    if let key = value.repeatedKey {
      throw Fault(reason: "the key \"\(key)\" stands twice in one object (keep one of them)")
    }
    record = value
  }

  var members: [JSONValue.Member] { record.members ?? [] }

  func content(_ format: DataFormat) throws(Fault) -> DataRecord.Content {
    switch format {
    case .completion: try completion()
    case .messages: .conversation(try conversation(list("messages"), named: "messages"))
    case .shareGPT: .conversation(try shareGPT())
    case .alpaca: try alpaca()
    case .text, .raw: .text(try nonEmpty("text"))
    case .tokens: try tokens()
    }
  }

  // MARK: - Fields

  private func required(_ key: String) throws(Fault) -> JSONValue {
    guard let value = record[key] else {
      throw Fault(reason: "the field \(key) is missing (the file's first record had it)")
    }
    return value
  }

  private func text(_ key: String) throws(Fault) -> String {
    let value = try required(key)
    guard let text = value.text else {
      let remedy =
        switch value {
        case .integer, .number, .bigInteger, .bool: " (put it in quotes)"
        default: ""
        }
      throw Fault(reason: "\(key) is \(value.kindName), not a text\(remedy)")
    }
    return text
  }

  /// A text that may be missing or null.
  private func optionalText(_ key: String) throws(Fault) -> String {
    switch record[key] {
    case nil, .null: ""
    default: try text(key)
    }
  }

  private func nonEmpty(_ key: String) throws(Fault) -> String {
    let text = try text(key)
    guard text.contains(where: { !$0.isWhitespace }) else {
      throw Fault(reason: "the \(key) is empty")
    }
    return text
  }

  /// A list, which may stand there as JSON text (as CSV files and Hugging Face exports have it).
  private func list(_ key: String) throws(Fault) -> [JSONValue] {
    let value = try unpacked(key, try required(key))
    guard let elements = value.elements else {
      throw Fault(reason: "\(key) is not an array")
    }
    return elements
  }

  private func unpacked(_ key: String, _ value: JSONValue) throws(Fault) -> JSONValue {
    guard let text = value.text,
      let first = text.utf8.first(where: { !$0.isJSONSpace }),
      first == UInt8(ascii: "[") || first == UInt8(ascii: "{")
    else { return value }
    do {
      let inner = try JSONValue(parsing: text)
      if let key = inner.repeatedKey {
        throw Fault(reason: "the key \"\(key)\" stands twice in one object (keep one of them)")
      }
      return inner
    } catch let fault as Fault {
      throw fault
    } catch {
      throw Fault(reason: "\(key) is a text that is no JSON (\(error))")
    }
  }

  // MARK: - Formats

  private func completion() throws(Fault) -> DataRecord.Content {
    let (prompt, completion) = (try required("prompt"), try required("completion"))
    guard prompt.elements == nil, completion.elements == nil else {
      return .conversation(try dialogue(prompt, completion))
    }
    let text = try text("prompt")
    return .completion(prompt: text, completion: try nonEmpty("completion"))
  }

  /// Prompt and completion as lists of messages, as TRL has them (one of them may be a text): what
  /// the prompt says is not learned.
  private func dialogue(
    _ prompt: JSONValue, _ completion: JSONValue
  ) throws(Fault) -> Conversation {
    func turns(_ value: JSONValue, _ key: String, _ role: ChatRole) throws(Fault) -> [JSONValue] {
      if let elements = value.elements { return elements }
      return [["role": .string(role.rawValue), "content": .string(try text(key))]]
    }
    let before = try turns(prompt, "prompt", .user)
    let after = try turns(completion, "completion", .assistant)
    guard !after.isEmpty else { throw Fault(reason: "the completion is empty") }
    let first = try conversation(before, named: "prompt").messages.map { $0.trained(false) }
    var whole = try conversation(after, named: "completion")
    whole.messages = first + whole.messages
    return whole
  }

  /// The record with `messages` in the place of its own field; which roles there may be is the
  /// template's affair.
  private func conversation(
    _ messages: [JSONValue], named name: String
  ) throws(Fault) -> Conversation {
    var own: [JSONValue.Member] = []
    for key in ["tools", "options"] {
      guard let value = record[key] else { continue }
      own.append(JSONValue.Member(key: key, value: try unpacked(key, value)))
    }
    do {
      return try Conversation(
        .object(own + [JSONValue.Member(key: "messages", value: .array(messages))]))
    } catch {
      let reason = error.description
      let isOfList = reason.hasPrefix("messages") && name != "messages"
      throw Fault(reason: isOfList ? name + reason.dropFirst("messages".count) : reason)
    }
  }

  private func shareGPT() throws(Fault) -> Conversation {
    var turns: [JSONValue] = []
    let system = try optionalText("system")
    if !system.isEmpty { turns.append(["role": "system", "content": .string(system)]) }
    let inner = try list("conversations")
    for (index, turn) in inner.enumerated() {
      turns.append(try ShareGPTTurn.message(turn, place: "conversations[\(index)]"))
    }
    return try conversation(turns, named: "conversations")
  }

  /// Instruction and input become the user's turn, with a line break between; `history` (pairs of
  /// question and answer) and `system` come before it.
  private func alpaca() throws(Fault) -> DataRecord.Content {
    let (instruction, input) = (try text("instruction"), try optionalText("input"))
    let prompt = [instruction, input].filter { !$0.isEmpty }.joined(separator: "\n")
    let output = try nonEmpty("output")
    let system = try optionalText("system")
    var turns: [ChatMessage] = system.isEmpty ? [] : [ChatMessage(.system, system)]
    if let history = record["history"], history != .null {
      for (index, pair) in (history.elements ?? [history]).enumerated() {
        guard let texts = pair.elements?.compactMap(\.text), texts.count == 2 else {
          throw Fault(reason: "history[\(index)] is no pair of texts")
        }
        turns += [ChatMessage(.user, texts[0]), ChatMessage(.assistant, texts[1])]
      }
    }
    if turns.isEmpty { return .completion(prompt: prompt, completion: output) }
    return .conversation(
      Conversation(turns + [ChatMessage(.user, prompt), ChatMessage(.assistant, output)]))
  }

  private func tokens() throws(Fault) -> DataRecord.Content {
    let ids = try numbers("input_ids")
    guard ids.count > 1 else {
      throw Fault(reason: "input_ids holds \(ids.count) tokens (at least 2)")
    }
    guard let labels = record["labels"], labels != .null else {
      return .tokens(ids: ids, labels: nil)
    }
    let own = try numbers("labels")
    guard own.count == ids.count else {
      throw Fault(reason: "\(own.count) labels for \(ids.count) input_ids")
    }
    return .tokens(ids: ids, labels: own)
  }

  private func numbers(_ key: String) throws(Fault) -> [Int32] {
    var numbers: [Int32] = []
    for (index, element) in try list(key).enumerated() {
      guard case .integer(let value) = element, let number = Int32(exactly: value) else {
        throw Fault(reason: "\(key)[\(index)] is not a 32-bit whole number")
      }
      numbers.append(number)
    }
    return numbers
  }
}

extension JSONValue {
  /// What kind of value this is, with its article.
  var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .bigInteger, .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}
