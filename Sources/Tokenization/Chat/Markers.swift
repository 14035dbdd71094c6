/// Text that looks like a template's marker: `<|im_start|>`, `<｜User｜>`, `[INST]`, `</s>`,
/// `<start_of_turn>`.
///
/// Only shapes that nobody writes as prose. Plain tags (`<tool_call>`, `<think>`) are none: models
/// without such a token read and write them as letters.
enum Markers {
  private static let named: [[UInt8]] =
    ["<s>", "</s>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<turn|>", "<|turn>"]
    .map { Array($0.utf8) }

  /// Bytes of the longest marker looked for.
  private static let longest = 64

  /// The marker that begins at `position`, if one does and ends before `limit`.
  static func marker(in bytes: [UInt8], at position: Int, limit: Int) -> Range<Int>? {
    let limit = min(limit, position + longest)
    switch bytes[position] {
    case UInt8(ascii: "<"):
      for name in named where bytes[position..<limit].starts(with: name) {
        return position..<(position + name.count)
      }
      return between("<|", "|>", bytes, position, limit)
        ?? between("<｜", "｜>", bytes, position, limit)
    case UInt8(ascii: "["):
      var end = position + 1
      if end < limit, bytes[end] == UInt8(ascii: "/") { end += 1 }
      let first = end
      while end < limit, isCapital(bytes[end]) { end += 1 }
      guard end < limit, end - first >= 3, bytes[end] == UInt8(ascii: "]") else { return nil }
      return position..<(end + 1)
    default:
      return nil
    }
  }

  /// `open`, a name without brackets or spaces, `close`.
  private static func between(
    _ open: String, _ close: String, _ bytes: [UInt8], _ position: Int, _ limit: Int
  ) -> Range<Int>? {
    guard bytes[position..<limit].starts(with: open.utf8) else { return nil }
    var end = position + open.utf8.count
    while end < limit {
      if end > position + open.utf8.count, bytes[end..<limit].starts(with: close.utf8) {
        return position..<(end + close.utf8.count)
      }
      let byte = bytes[end]
      if byte <= 0x20 || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") { return nil }
      end += 1
    }
    return nil
  }

  private static func isCapital(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
  }
}
