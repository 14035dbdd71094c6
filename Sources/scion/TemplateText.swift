import Foundation
import Tokenization

/// Encoded conversations as `scion template` prints them.
enum TemplateText {
  /// A line with the figures, then the text with what is learned between marks.
  static func marked(
    _ conversation: EncodedConversation, number: Int, line: Int, inColour: Bool
  ) -> String {
    let (open, close) = inColour ? ("\u{1b}[1;32m", "\u{1b}[0m") : ("⟦", "⟧")
    let bytes = Array(conversation.text.utf8)
    var text = ""
    var start = 0
    for range in conversation.learned {
      text += String(decoding: bytes[start..<range.lowerBound], as: UTF8.self)
      text += open + String(decoding: bytes[range], as: UTF8.self) + close
      start = range.upperBound
    }
    text += String(decoding: bytes[start...], as: UTF8.self)
    let learned = conversation.isTarget.count { $0 }
    return "record \(number), line \(line): \(conversation.ids.count) tokens, \(learned) learned\n"
      + text + (text.hasSuffix("\n") ? "" : "\n")
  }

  /// One line of JSON.
  static func json(_ conversation: EncodedConversation, line: Int) throws -> String {
    struct Row: Encodable {
      let line: Int
      let text: String
      let ids: [Int32]
      let learned: [Int]
      /// Bytes of the text that are learned: start, end.
      let spans: [[Int]]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let row = Row(
      line: line, text: conversation.text, ids: conversation.ids,
      learned: conversation.isTarget.map { $0 ? 1 : 0 },
      spans: conversation.learned.map { [$0.lowerBound, $0.upperBound] })
    return String(decoding: try encoder.encode(row), as: UTF8.self) + "\n"
  }
}
