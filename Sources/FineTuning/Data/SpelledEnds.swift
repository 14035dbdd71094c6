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

  private static func spellsAny(of markers: [String], _ text: String) -> Bool {
    let bytes = text.utf8.span
    for marker in markers where holds(bytes, marker.utf8.span) { return true }
    return false
  }

  private static func holds(_ text: Span<UInt8>, _ wanted: Span<UInt8>) -> Bool {
    guard !wanted.isEmpty, wanted.count <= text.count else { return wanted.isEmpty }
    let first = wanted[0]
    for start in 0...(text.count - wanted.count) where text[start] == first {
      var count = 1
      while count < wanted.count, text[start + count] == wanted[count] { count += 1 }
      if count == wanted.count { return true }
    }
    return false
  }

  /// `text` before the marker it ends with; nil when it ends with none.
  private static func withoutEnd(_ text: String, _ markers: [String]) -> String? {
    // Most texts end otherwise; beyond ASCII white space may hide an end.
    let last = text.utf8.last { $0 > 0x20 }
    guard let last, last >= 0x80 || markers.contains(where: { $0.utf8.last == last }) else {
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
