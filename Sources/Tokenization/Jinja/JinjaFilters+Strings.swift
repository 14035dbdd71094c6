/// Filters of strings.
extension JinjaFilters {
  static func cased(_ casing: JinjaString.Casing) -> JinjaFilter {
    { (render, value, arguments) throws(JinjaError) in
      _ = try arguments.checked(0...0, render.meter)
      let text = try soft(value, render.meter)
      try render.meter.spend(bytes: text.bytes.count * 8)
      return .text(try text.cased(casing, render.meter))
    }
  }

  static let string: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    return .text(try soft(value, render.meter))
  }

  static let safe: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    return .text(try soft(value, render.meter).asMarkup(true, meter: render.meter))
  }

  static let escape: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    return .text(try JinjaMarkup.escaped(try soft(value, render.meter), render.meter))
  }

  static let forceEscape: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    let text = try soft(value, render.meter).asMarkup(false, meter: render.meter)
    return .text(try JinjaMarkup.escaped(text, render.meter))
  }

  static let withoutTags: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    return .text(try JinjaMarkup.withoutTags(try soft(value, render.meter), render.meter))
  }

  static let trim: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["chars"], render.meter)
    let text = try soft(value, render.meter)
    guard let characters = values[0], !characters.isNone else {
      return .text(text.stripped(nil, render.meter))
    }
    return .text(text.stripped(try render.string(characters), render.meter))
  }

  static let center: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["width"], render.meter)
    let width = try render.integer(values[0], default: 80)
    let text = try soft(value, render.meter)
    return .text(try JinjaPadding.pad(text, to: width, JinjaString(" "), .center, render.meter))
  }

  static let replace: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["old", "new", "count"], required: 2, render.meter)
    let limit = (values[2] ?? .none).isNone ? -1 : try render.integer(values[2], default: -1)
    let text = try soft(value, render.meter).asMarkup(false, meter: render.meter)
    return .text(
      try text.replacing(
        try soft(values[0] ?? .none, render.meter),
        with: try soft(values[1] ?? .none, render.meter),
        limit: limit, render.meter))
  }

  static let format: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let text = try soft(value, render.meter)
    guard arguments.positional.isEmpty || arguments.named.isEmpty else {
      throw render.meter.fail("format takes positional or named arguments, not both")
    }
    if arguments.named.isEmpty {
      return .text(try JinjaPrintf.format(text, try render.tuple(arguments.positional), render))
    }
    let entries = arguments.named.map { (JinjaValue.text(JinjaString($0.name)), $0.value) }
    return .text(try JinjaPrintf.format(text, try render.dictionary(entries), render))
  }

  /// Words begin after white space, a hyphen or an opening bracket.
  static let title: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    let text = try soft(value, render.meter)
    var result = JinjaStringBuilder(meter: render.meter)
    var (offset, begins, wasBreak) = (0, true, true)
    while offset < text.bytes.count {
      let start = offset
      let scalar = text.scalar(at: &offset)
      let isBreak = "-({[<".unicodeScalars.contains(scalar) || JinjaText.isSpace(scalar)
      begins = isBreak != wasBreak || start == 0
      wasBreak = isBreak
      let mapped = begins ? JinjaString.upper(scalar) : text.lower(scalar, at: start)
      try result.append(mapped, mark: text.mark(at: start))
    }
    return .text(result.finish())
  }

  static let indent: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(["width", "first", "blank"], meter)
    if case .missing(let undefined) = value { throw meter.fail(undefined.reason) }
    let text = try render.string(value)
    var space: JinjaString
    if case .text(let given)? = values[0] {
      space = given
    } else {
      var spaces = JinjaStringBuilder(meter: meter)
      try spaces.append(JinjaString(" "), times: try render.integer(values[0], default: 4))
      space = spaces.finish()
    }
    if text.isMarkup { space = try JinjaMarkup.escaped(space, meter) }
    // With a newline at the end, as Jinja2 splits it: the last line counts though it is empty.
    let lines = try render.join(text, JinjaString("\n")).lines(keepEnds: false, meter)
    let indentsBlank = values[2]?.isTrue ?? false
    var result = JinjaStringBuilder(meter: meter)
    if values[1]?.isTrue ?? false { try result.append(space) }
    for (index, line) in lines.enumerated() {
      if index > 0 {
        try result.append("\n")
        if indentsBlank || !line.isEmpty { try result.append(space) }
      }
      try result.append(line)
    }
    return .text(result.finish(isMarkup: text.isMarkup))
  }

  static let truncate: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(["length", "killwords", "end", "leeway"], meter)
    let length = try render.integer(values[0], default: 255)
    let end = values[2] == nil ? JinjaString("...") : try render.string(values[2])
    let leeway = (values[3] ?? .none).isNone ? 5 : try render.integer(values[3], default: 5)
    guard length >= end.count, leeway >= 0 else {
      throw meter.fail("truncate to \(length) characters, fewer than its end has")
    }
    if value.isUndefined { return value }
    let text = try render.string(value)
    if text.count <= length.addingReportingOverflow(leeway).partialValue || length > text.count {
      return value
    }
    var cut = text.part(0..<text.offset(ofScalar: length - end.count), meter: meter)
    if !(values[1]?.isTrue ?? false) {
      cut = try cut.split(by: JinjaString(" "), limit: 1, fromRight: true, meter)[0]
    }
    return .text(try render.join(cut, end))
  }

  static let countWords: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    let text = try soft(value, render.meter)
    try render.meter.spend(bytes: text.bytes.count * 8)
    var (count, isInWord) = (0, false)
    text.forEachScalar { scalar, _ in
      let isWord = JinjaText.isWord(scalar)
      if isWord, !isInWord { count += 1 }
      isInWord = isWord
    }
    return .integer(count)
  }

  // MARK: - URLs and attributes

  static let encodeURL: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    var pairs: [JinjaValue]
    switch value {
    case .text(let text): return .text(try quoted(text, isQuery: false, render.meter))
    case .mapping(let dictionary):
      pairs = try render.items(of: .object(JinjaDictionaryView(dictionary, .items)))
    case .sequence, .tuple, .object, .missing: pairs = try render.items(of: value)
    default: return .text(try quoted(try soft(value, render.meter), isQuery: false, render.meter))
    }
    var result = JinjaStringBuilder(meter: render.meter)
    for (index, pair) in pairs.enumerated() {
      let parts = try render.items(of: pair, atMost: 2)
      guard parts.count == 2 else { throw render.meter.fail("urlencode needs pairs") }
      if index > 0 { try result.append("&") }
      try result.append(try quoted(try soft(parts[0], render.meter), isQuery: true, render.meter))
      try result.append("=")
      try result.append(try quoted(try soft(parts[1], render.meter), isQuery: true, render.meter))
    }
    return .text(result.finish())
  }

  private static func quoted(
    _ text: JinjaString, isQuery: Bool, _ meter: JinjaMeter
  ) throws(JinjaError) -> JinjaString {
    var result = JinjaStringBuilder(meter: meter)
    for (offset, byte) in text.bytes.enumerated() {
      let mark = text.mark(at: offset)
      let isPlain =
        byte.isDigit || byte.isLetter || "_.-~".utf8.contains(byte)
        || (byte == UInt8(ascii: "/") && !isQuery)
      if isPlain {
        try result.append(Unicode.Scalar(byte), mark: mark)
      } else if byte == 0x20, isQuery {
        try result.append("+", mark: mark)
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        try result.append((byte < 16 ? "%0" : "%") + digits, mark: mark)
      }
    }
    return result.finish()
  }

  static let attributes: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(["autospace"], meter)
    guard case .mapping(let dictionary) = value else {
      throw meter.fail("xmlattr needs a dictionary, not \(value.typeName)")
    }
    var result = JinjaStringBuilder(meter: meter)
    for (key, value) in dictionary.entries where !value.isNone && !value.isUndefined {
      let name = try render.string(key)
      guard
        !name.bytes.contains(where: {
          $0 <= 0x20 && ($0 == 0x20 || (9...13).contains($0)) || "/>=".utf8.contains($0)
        })
      else { throw meter.fail("'\(name.text)' is no name of an attribute") }
      if result.count > 0 || values[0]?.isTrue ?? true { try result.append(" ") }
      try result.append(try JinjaMarkup.escaped(name, meter))
      try result.append("=\"")
      try result.append(try JinjaMarkup.escaped(try soft(value, meter), meter))
      try result.append("\"")
    }
    return .text(result.finish())
  }
}
