internal import Tokenization

/// A turn of ShareGPT's format, `{"from": "human", "value": "…"}`, as a message.
///
/// Speakers go by the names that such data have: human, gpt, system, tool and their variants. Turns
/// written as `{role, content}` are taken as they are. A `function_call` is the assistant's call of
/// a tool; its value is the call as JSON.
enum ShareGPTTurn {
  static let roles: [String: ChatRole] = [
    "human": .user, "user": .user, "gpt": .assistant, "assistant": .assistant,
    "chatgpt": .assistant, "bot": .assistant, "bing": .assistant, "bard": .assistant,
    "model": .assistant, "system": .system, "tool": .tool, "function": .tool,
    "observation": .tool, "function_response": .tool, "ipython": .tool,
  ]

  static func message(
    _ turn: JSONValue, place: String
  ) throws(RecordFields.Fault) -> JSONValue {
    func bad(_ reason: String) -> RecordFields.Fault { .init(reason: "\(place) \(reason)") }
    guard let members = turn.members else { throw bad("is not an object") }
    guard let from = turn["from"] else {
      if turn["role"] != nil { return turn }
      throw bad("has no \"from\" (nor a \"role\")")
    }
    guard let name = from.text else { throw bad("has a \"from\" that is no text") }
    guard let value = turn["value"] else { throw bad("has no \"value\"") }
    guard let text = value.text else {
      throw bad("has a \"value\" that is \(value.kindName), not a text")
    }
    let rest = members.filter { !["from", "value"].contains($0.key) }
    if name == "function_call" {
      return .object(
        [
          JSONValue.Member(key: "role", value: "assistant"),
          JSONValue.Member(key: "tool_calls", value: try calls(text, place: place)),
        ] + rest)
    }
    guard let role = roles[name.lowercased()] else {
      throw bad(
        "is from \"\(name)\", which is no known speaker (human, gpt, system, tool)")
    }
    return .object(
      [
        JSONValue.Member(key: "role", value: .string(role.rawValue)),
        JSONValue.Member(key: "content", value: value),
      ] + rest)
  }

  private static func calls(
    _ text: String, place: String
  ) throws(RecordFields.Fault) -> JSONValue {
    let parsed = try? JSONValue(parsing: text)
    let calls = parsed?.elements ?? parsed.map { [$0] } ?? []
    guard !calls.isEmpty, calls.allSatisfy({ $0["name"]?.text != nil }) else {
      throw .init(reason: "\(place) is a function_call whose value is no JSON with a \"name\"")
    }
    return .array(calls.map { ["type": "function", "function": $0] })
  }
}
