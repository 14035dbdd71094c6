/// Cuts a template into tokens, with the white space that tags take away: `trim_blocks` (the
/// newline after a block), `lstrip_blocks` (spaces before a block that begins its line), `-` and
/// `+` in tags. One newline at the end of the template goes too; `\r\n` and `\r` are newlines.
struct JinjaLexer {
  let source: [Unicode.Scalar]
  var position = 0
  var line = 1
  var tokens: [JinjaToken] = []
  /// Whether the last tag ended with a newline, so that spaces before the next one begin a line.
  private var startsLine = true

  init(_ text: String) throws(JinjaError) {
    guard text.utf8.count <= JinjaLimits.sourceBytes else {
      throw .limit(
        line: 1, reason: "its text is longer than \(JinjaLimits.sourceBytes >> 10) KB")
    }
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(text.utf8.count)
    var wasReturn = false
    for scalar in text.unicodeScalars {
      if scalar == "\n", wasReturn {
        wasReturn = false
        continue
      }
      wasReturn = scalar == "\r"
      scalars.append(wasReturn ? "\n" : scalar)
    }
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  /// All tokens, the end as the last one.
  static func tokens(of text: String) throws(JinjaError) -> [JinjaToken] {
    var lexer = try JinjaLexer(text)
    while lexer.position < lexer.source.count { try lexer.scanText() }
    lexer.emit(.end)
    return lexer.tokens
  }

  // MARK: - Characters

  func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    position + offset < source.count ? source[position + offset] : nil
  }

  func looksAt(_ text: String, at place: Int) -> Bool {
    var index = place
    for scalar in text.unicodeScalars {
      guard index < source.count, source[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  func fail(_ reason: String) -> JinjaError { .syntax(line: line, reason: reason) }

  mutating func emit(_ kind: JinjaToken.Kind) {
    tokens.append(JinjaToken(kind: kind, line: line))
  }

  /// Moves on, counting lines.
  mutating func advance(to place: Int) {
    for index in position..<place where source[index] == "\n" { line += 1 }
    position = place
  }

  private func afterSpace(from place: Int) -> Int {
    var index = place
    while index < source.count, JinjaText.isSpace(source[index]) { index += 1 }
    return index
  }

  // MARK: - Text and tags

  /// Text up to the next tag, then that tag.
  private mutating func scanText() throws(JinjaError) {
    var start = position
    while start < source.count {
      if source[start] == "{", start + 1 < source.count,
        source[start + 1] == "%" || source[start + 1] == "{" || source[start + 1] == "#"
      {
        break
      }
      start += 1
    }
    guard start < source.count else {
      emitText(to: start, sign: "+", isPrint: false)
      return
    }
    let kind = source[start + 1]
    var inner = start + 2
    let sign: Unicode.Scalar? =
      inner < source.count && (source[inner] == "-" || source[inner] == "+") ? source[inner] : nil
    if sign != nil { inner += 1 }
    emitText(to: start, sign: sign, isPrint: kind == "{")
    advance(to: inner)
    switch kind {
    case "#": try skipComment()
    case "{":
      emit(.printBegin)
      try scanTag(isBlock: false)
    default:
      if let body = rawBody(from: inner) {
        advance(to: body)
        try scanRaw()
      } else {
        emit(.blockBegin)
        try scanTag(isBlock: true)
      }
    }
  }

  /// Emits the text from here to a tag, less what the tag takes from its end.
  private mutating func emitText(to end: Int, sign: Unicode.Scalar?, isPrint: Bool) {
    var stop = end
    if sign == "-" {
      while stop > position, JinjaText.isSpace(source[stop - 1]) { stop -= 1 }
    } else if sign != "+", !isPrint {
      var first = end
      while first > position, source[first - 1] != "\n" { first -= 1 }
      let beginsLine = first > position || startsLine
      if beginsLine, source[first..<end].allSatisfy(JinjaText.isSpace) { stop = first }
    }
    if stop > position {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: source[position..<stop])
      emit(.data(String(text)))
    }
    advance(to: end)
  }

  /// Where the text of a raw block begins whose tag's name begins here, nil when it is another tag.
  private func rawBody(from place: Int) -> Int? {
    var index = afterSpace(from: place)
    guard looksAt("raw", at: index) else { return nil }
    index = afterSpace(from: index + 3)
    if looksAt("-%}", at: index) { return afterSpace(from: index + 3) }
    return looksAt("%}", at: index) ? index + 2 : nil
  }

  private mutating func scanRaw() throws(JinjaError) {
    startsLine = position > 0 && source[position - 1] == "\n"
    var start = position
    while start < source.count {
      if looksAt("{%", at: start) {
        var inner = start + 2
        let sign: Unicode.Scalar? =
          inner < source.count && (source[inner] == "-" || source[inner] == "+")
          ? source[inner] : nil
        if sign != nil { inner += 1 }
        inner = afterSpace(from: inner)
        if looksAt("endraw", at: inner), let end = blockEnd(at: afterSpace(from: inner + 6)) {
          emitText(to: start, sign: sign, isPrint: false)
          finishTag(at: end)
          return
        }
      }
      start += 1
    }
    throw fail("a raw block has no {% endraw %}")
  }

  private mutating func skipComment() throws(JinjaError) {
    var index = position
    while index < source.count {
      if looksAt("+#}", at: index) { return finishTag(at: index + 3) }
      if looksAt("-#}", at: index) { return finishTag(at: afterSpace(from: index + 3)) }
      if looksAt("#}", at: index) {
        let end = index + 2
        return finishTag(at: end < source.count && source[end] == "\n" ? end + 1 : end)
      }
      index += 1
    }
    throw fail("a comment has no end: #} is missing")
  }

  private mutating func finishTag(at end: Int) {
    advance(to: end)
    startsLine = end > 0 && source[end - 1] == "\n"
  }

  /// Behind a block's end that stands here, with the white space it takes; nil when none does.
  private func blockEnd(at place: Int) -> Int? {
    if looksAt("+%}", at: place) { return place + 3 }
    if looksAt("-%}", at: place) { return afterSpace(from: place + 3) }
    guard looksAt("%}", at: place) else { return nil }
    let end = place + 2
    return end < source.count && source[end] == "\n" ? end + 1 : end
  }

  private func printEnd(at place: Int) -> Int? {
    if looksAt("-}}", at: place) { return afterSpace(from: place + 3) }
    return looksAt("}}", at: place) ? place + 2 : nil
  }

  /// The tokens inside a tag, up to its end.
  private mutating func scanTag(isBlock: Bool) throws(JinjaError) {
    var open: [JinjaToken.Symbol] = []
    while true {
      if open.isEmpty, let end = isBlock ? blockEnd(at: position) : printEnd(at: position) {
        emit(isBlock ? .blockEnd : .printEnd)
        return finishTag(at: end)
      }
      guard position < source.count else {
        // The parser says what is missing.
        startsLine = false
        return
      }
      try scanToken(&open)
    }
  }
}
