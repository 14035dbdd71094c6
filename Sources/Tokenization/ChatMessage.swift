/// Who speaks in a conversation. Templates take any word; these are the ones that mean something to Scion.
public enum ChatRole: String, Sendable, CaseIterable {
  case system
  case user
  case assistant
  case tool
}

/// One turn of a conversation.
public struct ChatMessage: Codable, Sendable, Equatable {
  /// A word as in `ChatRole`.
  public var role: String
  /// What is said, without any markup of the template.
  public var content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  public init(_ role: ChatRole, _ content: String) {
    self.init(role: role.rawValue, content: content)
  }
}
