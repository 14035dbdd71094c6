/// What a chat template sees of a conversation, each string with its origin.
extension Conversation {
  /// Strings that the program or the template itself answers for: markers in them are tokens.
  static let trusted: Int32 = 0
  /// Strings of tools and options.
  static let surroundings: Int32 = -1

  /// Strings of the message `index`.
  static func origin(ofMessage index: Int) -> Int32 { Int32(index) + 1 }

  /// `messages`, `tools`, `documents` and the options, as transformers passes them
  /// (`render_jinja_template`).
  ///
  /// - Parameter prefixes: gathers what is written of the first messages alone.
  func variables(prefixes: JinjaPrefixes? = nil) -> [(name: String, value: JinjaValue)] {
    var variables: [(name: String, value: JinjaValue)] = [
      ("messages", .sequence(JinjaList(messages.indices.map(message), prefixes: prefixes))),
      ("tools", tools.map { JinjaValue($0, origin: Self.surroundings) } ?? .none),
      ("documents", .none),
    ]
    for option in options.members ?? [] {
      variables.removeAll { $0.name == option.key }
      variables.append((option.key, JinjaValue(option.value, origin: Self.surroundings)))
    }
    return variables
  }

  /// A turn. Reasoning gets the names that templates know it by, as in transformers'
  /// `_alias_reasoning_fields`.
  private func message(_ index: Int) -> JinjaValue {
    let message = messages[index]
    let origin = Self.origin(ofMessage: index)
    var members = message.fields.members ?? []
    let names = ["reasoning_content", "thinking", "reasoning"]
    if let reasoning = names.lazy.compactMap({ message[$0] }).first {
      if message["thinking"] == nil {
        members.insert(JSONValue.Member(key: "thinking", value: reasoning), at: 0)
      }
      if let place = members.firstIndex(where: { $0.key == "reasoning_content" }) {
        members[place].value = reasoning
      } else {
        members.append(JSONValue.Member(key: "reasoning_content", value: reasoning))
      }
    }
    return .dictionary(
      keysAndValues: members.map { member in
        let isRole = member.key == "role" && Self.isPlainWord(message.role)
        return (member.key, JinjaValue(member.value, origin: isRole ? Self.trusted : origin))
      }, origin: origin)
  }

  /// Whether a role is a word that can be part of a marker, as in `'<|' + role + '|>'`, without
  /// forging another.
  private static func isPlainWord(_ role: String) -> Bool {
    role.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}
