internal import Tokenization

/// Ends of turns that records spell in what they say.
///
/// At the very end of an answer such a marker was meant as its end, as data that went through a
/// chat template before have it: it is taken off, since the template writes one. Anywhere else it
/// is letters, not a token.
struct SpelledEnds: Sendable, Equatable {
  /// Answers whose marker was taken off.
  private(set) var removed = 0
  /// Records that spell a marker elsewhere.
  private(set) var lettered = 0

  mutating func add(_ other: SpelledEnds) {
    removed += other.removed
    lettered += other.lettered
  }

  /// The conversation without the markers at the ends of answers, counted.
  ///
  /// - Parameter markers: the texts of the tokens that end a generation.
  mutating func removeAll(from conversation: Conversation, markers: [String]) -> Conversation {
    var result = conversation
    var isLettered = false
    for (index, message) in conversation.messages.enumerated() {
      guard let text = message.fields["content"]?.text else { continue }
      var kept = text
      if message.role == ChatRole.assistant.rawValue,
        let said = Self.withoutEnd(text, markers), let shorter = message.saying(said)
      {
        kept = said
        result.messages[index] = shorter
        removed += 1
      }
      isLettered = isLettered || Self.spellsAny(of: markers, kept)
    }
    if isLettered { lettered += 1 }
    return result
  }

  /// Whether `text` ends in a marker, white space aside.
  static func endsItself(_ text: String, _ markers: [String]) -> Bool {
    let trimmed = text.trimmed
    return markers.contains { trimmed.hasSuffix($0) }
  }

  /// Most texts have not even a marker's first byte.
  private static func spellsAny(of markers: [String], _ text: String) -> Bool {
    markers.contains { marker in
      guard let first = marker.utf8.first, text.utf8.contains(first) else { return false }
      return text.contains(marker)
    }
  }

  /// `text` before the marker it ends with; nil when it ends with none.
  private static func withoutEnd(_ text: String, _ markers: [String]) -> String? {
    guard text.utf8.contains(where: { $0 == UInt8(ascii: ">") || $0 == UInt8(ascii: "]") }) else {
      return nil
    }
    let trimmed = text.trimmed
    guard let marker = markers.first(where: { trimmed.hasSuffix($0) }) else { return nil }
    return String(trimmed.dropLast(marker.count))
  }

  /// One sentence for each thing that happened.
  var sentences: [String] {
    var sentences: [String] = []
    if removed > 0 {
      sentences.append(
        "\(removed) answers spell the end marker at their end: it was taken off, since the chat "
          + "template writes one")
    }
    if lettered > 0 {
      sentences.append(
        "\(lettered) records spell an end marker inside a text: it is learned as letters, not as an "
          + "end")
    }
    return sentences
  }
}

extension ChatMessage {
  /// The same turn with another text; nil when a template could not see it.
  fileprivate func saying(_ text: String) -> ChatMessage? {
    let members = (fields.members ?? []).map {
      $0.key == "content" ? JSONValue.Member(key: "content", value: .string(text)) : $0
    }
    return try? ChatMessage(.object(members), place: "message").trained(isTrained)
  }
}
