/// Who speaks in a conversation. Templates take any word; these are the ones that mean something to
/// Scion.
public enum ChatRole: String, Sendable, CaseIterable {
  case system
  case user
  case assistant
  case tool
}

/// One turn of a conversation, as chat templates see it.
///
/// Besides `role` and `content` (a text, or a list of parts) a turn has whatever its template
/// reads: `tool_calls`, `name`, `reasoning_content`… Fields that are null are left out, since
/// templates ask whether a field is defined; so are those of a part and of a tool call, but not its
/// arguments'.
public struct ChatMessage: Sendable, Equatable {
  /// A word as in `ChatRole`.
  public let role: String
  /// What the template sees: an object with at least the role.
  public let fields: JSONValue
  /// Whether an assistant's turn is learned: not where the record says `"weight": 0` or `"train":
  /// false`.
  public let isTrained: Bool

  public init(role: String, content: String) {
    self.role = role
    fields = ["role": .string(role), "content": .string(content)]
    isTrained = true
  }

  public init(_ role: ChatRole, _ content: String) {
    self.init(role: role.rawValue, content: content)
  }

  /// Reads one element of `messages`; `place` names it in errors. Throws `malformedConversation`.
  public init(_ json: JSONValue, place: String) throws(TokenizationError) {
    func bad(_ reason: String) -> TokenizationError {
      .malformedConversation(place: place, reason: reason)
    }
    guard let members = json.members else { throw bad("is not an object") }
    var kept: [JSONValue.Member] = []
    var isTrained = true
    for member in members where member.value != .null {
      let value = member.value
      switch member.key {
      case "weight":
        guard let weight = value.double, weight == 0 || weight == 1 else {
          throw bad("has a weight that is neither 0 nor 1")
        }
        isTrained = isTrained && weight != 0
      case "train", "training":
        guard case .bool(let train) = value else {
          throw bad("has a \"\(member.key)\" that is neither true nor false")
        }
        isTrained = isTrained && train
      case "content":
        kept.append(JSONValue.Member(key: "content", value: Self.withoutNulls(value, depth: 1)))
      case "tool_calls":
        kept.append(JSONValue.Member(key: "tool_calls", value: Self.withoutNulls(value, depth: 2)))
      default: kept.append(member)
      }
    }
    guard let role = kept.last(where: { $0.key == "role" })?.value else {
      throw bad("has no role")
    }
    guard case .string(let role) = role, !role.isEmpty else {
      throw bad("has a role that is no text")
    }
    switch kept.last(where: { $0.key == "content" })?.value {
    case nil, .string, .array, .object: break
    default: throw bad("has a content that is neither a text nor a list of parts")
    }
    self.role = role
    self.isTrained = isTrained
    fields = .object(kept)
  }

  /// The objects in a list, and those that they hold down to `depth`, without members that are
  /// null.
  private static func withoutNulls(_ value: JSONValue, depth: Int) -> JSONValue {
    switch value {
    case .array(let elements):
      return .array(elements.map { withoutNulls($0, depth: depth) })
    case .object(let members) where depth > 0:
      return .object(
        members.filter { $0.value != .null }.map { member in
          guard member.key != "arguments" else { return member }
          return JSONValue.Member(
            key: member.key, value: withoutNulls(member.value, depth: depth - 1))
        })
    default:
      return value
    }
  }

  /// The field `key`, or nil.
  public subscript(key: String) -> JSONValue? { fields[key] }

  /// What is said: the content, or the texts of its parts one after the other.
  public var content: String {
    switch self["content"] {
    case .string(let text): text
    case .array(let parts): parts.map { $0.partText }.joined()
    default: ""
    }
  }

  /// Whether there is nothing to say: no text, no call of a tool, no reasoning.
  public var isEmpty: Bool {
    let others = ["tool_calls", "reasoning_content", "thinking", "reasoning", "function_call"]
    return content.allSatisfy(\.isWhitespace)
      && others.allSatisfy { key in
        switch self[key] {
        case nil: true
        case .string(let text): text.allSatisfy(\.isWhitespace)
        case .array(let elements): elements.isEmpty
        default: false
        }
      }
  }

  /// The same turn, learned or not.
  public func trained(_ isTrained: Bool) -> ChatMessage {
    ChatMessage(role: role, fields: fields, isTrained: isTrained)
  }

  private init(role: String, fields: JSONValue, isTrained: Bool) {
    self.role = role
    self.fields = fields
    self.isTrained = isTrained
  }
}

extension JSONValue {
  /// The text of a content part.
  fileprivate var partText: String {
    text ?? self["text"]?.text ?? ""
  }
}
