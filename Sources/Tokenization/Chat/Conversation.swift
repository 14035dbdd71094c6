/// A conversation as a record of a data file holds it: `{"messages": […], "tools": […], "options":
/// {…}}`.
public struct Conversation: Sendable, Equatable {
  public var messages: [ChatMessage]
  /// What functions the assistant may call: an array, as in OpenAI's API. Nil where the record says
  /// nothing.
  public var tools: JSONValue?
  /// Further variables of the template, such as `enable_thinking`: an object.
  public var options: JSONValue

  public init(
    _ messages: [ChatMessage], tools: JSONValue? = nil, options: JSONValue = [:]
  ) {
    self.messages = messages
    self.tools = tools
    self.options = options
  }

  /// The variables that no option may name: they are the conversation itself.
  private static let reserved: Set<String> = ["messages", "tools", "add_generation_prompt"]

  /// Reads a record's `messages`, `tools` and `options`; other fields are not looked at.
  /// Throws `malformedConversation`, which names the place.
  public init(_ record: JSONValue) throws(TokenizationError) {
    func bad(_ place: String, _ reason: String) -> TokenizationError {
      .malformedConversation(place: place, reason: reason)
    }
    var tools: JSONValue?
    var options: JSONValue = [:]
    var messages: [ChatMessage]?
    for member in record.members ?? [] {
      switch (member.key, member.value) {
      case ("messages", .array(let elements)):
        var read: [ChatMessage] = []
        for (index, element) in elements.enumerated() {
          read.append(try ChatMessage(element, place: "messages[\(index)]"))
        }
        messages = read
      case ("messages", _): throw bad("messages", "is not an array")
      case ("tools", .array), ("tools", .object): tools = member.value
      case ("tools", .null), ("options", .null): break
      case ("tools", _): throw bad("tools", "is not an array")
      case ("options", .object(let members)):
        for option in members where Self.reserved.contains(option.key) {
          throw bad("options.\(option.key)", "is the conversation's own: rename the option")
        }
        options = member.value
      case ("options", _): throw bad("options", "is not an object")
      default: break
      }
    }
    guard let messages else { throw bad("the record", "has no messages") }
    self.init(messages, tools: tools, options: options)
  }

  /// Which messages are the assistant's.
  public var assistantTurns: [Int] {
    messages.indices.filter { messages[$0].role == ChatRole.assistant.rawValue }
  }

  /// The first `count` messages, with the same tools and options.
  func prefix(_ count: Int) -> Conversation {
    Conversation(Array(messages.prefix(count)), tools: tools, options: options)
  }
}
