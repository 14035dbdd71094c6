/// What a template leaves out of messages that it otherwise writes: templates that know no tools or
/// no reasoning pass over them without a word.
///
/// A text counts as written where its beginning stands among the message's strings, white space at
/// its ends apart.
enum Unwritten {
  /// Bytes of a text that are looked for.
  private static let beginning = 64

  /// Names, as notices have them, of what some message has and the template does not write.
  static func parts(of conversation: Conversation, in rendering: Rendering) -> Set<String> {
    var parts: Set<String> = []
    let written = Dictionary(grouping: rendering.stretches, by: \.origin)
    for (index, message) in conversation.messages.enumerated() {
      guard message.role == ChatRole.assistant.rawValue,
        let stretches = written[Conversation.origin(ofMessage: index)]
      else { continue }
      let bytes = stretches.flatMap { rendering.bytes[$0.range] }
      func leavesOut(_ text: String?) -> Bool {
        guard let text else { return false }
        let wanted = trimmed(text).prefix(beginning)
        return !wanted.isEmpty && !contains(bytes, Array(wanted))
      }
      let reasoning = ["reasoning_content", "thinking", "reasoning"].lazy.compactMap {
        message[$0]?.text
      }
      if leavesOut(reasoning.first) { parts.insert("reasoning") }
      if (message["tool_calls"]?.elements ?? []).contains(where: {
        leavesOut(($0["function"] ?? $0)["name"]?.text)
      }) {
        parts.insert("calls of tools")
      }
      // Templates take a thought out of the content by its tag.
      let said = message.content
      if !said.utf8.contains(UInt8(ascii: "<")), leavesOut(said) {
        parts.insert("the text beside calls of tools or reasoning")
      }
    }
    return parts
  }

  /// Whether a message has parts that are no text, of which a model of texts sees nothing.
  static func hasMedia(_ conversation: Conversation) -> Bool {
    conversation.messages.contains { message in
      (message["content"]?.elements ?? []).contains { part in
        let type = part["type"]?.text ?? ""
        return ["image", "audio", "video", "input_image", "input_audio", "file"].contains {
          type.hasPrefix($0)
        }
      }
    }
  }

  private static func trimmed(_ text: String) -> ArraySlice<UInt8> {
    let bytes = Array(text.utf8)
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0d).contains($0) }
    guard let first = bytes.firstIndex(where: { !isSpace($0) }),
      let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return [] }
    return bytes[first...last]
  }

  private static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
    guard bytes.count >= wanted.count else { return false }
    return (0...(bytes.count - wanted.count)).contains { position in
      bytes[position] == wanted[0]
        && bytes[position..<(position + wanted.count)].elementsEqual(wanted)
    }
  }
}
