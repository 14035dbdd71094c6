/// HTML: escaping and taking tags away.
enum JinjaMarkup {
  /// `&`, `<`, `>`, `'` and `"` as entities; `Markup` stays as it is.
  static func escaped(_ text: JinjaString, _ meter: JinjaMeter) throws(JinjaError) -> JinjaString {
    if text.isMarkup { return text }
    var result = JinjaStringBuilder(meter: meter)
    var start = 0
    for (offset, byte) in text.bytes.enumerated() {
      let entity: String
      switch byte {
      case UInt8(ascii: "&"): entity = "&amp;"
      case UInt8(ascii: "<"): entity = "&lt;"
      case UInt8(ascii: ">"): entity = "&gt;"
      case UInt8(ascii: "'"): entity = "&#39;"
      case UInt8(ascii: "\""): entity = "&#34;"
      default: continue
      }
      try result.append(text, start..<offset)
      try result.append(entity, mark: text.mark(at: offset))
      start = offset + 1
    }
    try result.append(text, start..<text.bytes.count)
    return result.finish(isMarkup: true)
  }

  /// Without tags and comments, white space as single spaces, the five entities of `escaped` as
  /// their characters. Other named entities are an error.
  static func withoutTags(
    _ text: JinjaString, _ meter: JinjaMeter
  ) throws(JinjaError) -> JinjaString {
    let open = JinjaString("<")
    let all = text.bytes.count
    var plain = JinjaStringBuilder(meter: meter)
    var position = 0
    while let start = try text.firstOffset(of: open, in: position..<all, meter) {
      let isComment = text.hasPrefix(JinjaString("<!--"), in: start..<all)
      let close = JinjaString(isComment ? "-->" : ">")
      let from = min(start + (isComment ? 4 : 0), all)
      guard let end = try text.firstOffset(of: close, in: from..<all, meter) else { break }
      try plain.append(text, position..<start)
      position = end + close.bytes.count
    }
    try plain.append(text, position..<all)
    var joined = JinjaStringBuilder(meter: meter)
    for (index, word) in try plain.finish().words(limit: -1, fromRight: false, meter).enumerated() {
      if index > 0 { try joined.append(" ") }
      try joined.append(word)
    }
    return try unescaped(joined.finish(), meter)
  }

  private static let entities: [(String, String)] = [
    ("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#34;", "\""), ("&quot;", "\""), ("&amp;", "&"),
    ("&apos;", "'"), ("&nbsp;", "\u{A0}"),
  ]

  private static func unescaped(
    _ text: JinjaString, _ meter: JinjaMeter
  ) throws(JinjaError) -> JinjaString {
    guard text.bytes.contains(UInt8(ascii: "&")) else { return text }
    var result = JinjaStringBuilder(meter: meter)
    var offset = 0
    while offset < text.bytes.count {
      let rest = offset..<text.bytes.count
      let mark = text.mark(at: offset)
      guard text.bytes[offset] == UInt8(ascii: "&") else {
        try result.append(text.scalar(at: &offset), mark: mark)
        continue
      }
      if let (entity, character) = entities.first(where: {
        text.hasPrefix(JinjaString($0.0), in: rest)
      }) {
        try result.append(character, mark: mark)
        offset += entity.utf8.count
        continue
      }
      if offset + 1 < text.bytes.count,
        text.bytes[offset + 1] == UInt8(ascii: "#") || text.bytes[offset + 1].isLetter
      {
        throw meter.fail("striptags with an HTML entity that is not supported")
      }
      try result.append("&", mark: mark)
      offset += 1
    }
    return result.finish()
  }
}
