/// Python's `str` and `repr` of values.
extension JinjaValue {
  /// What `{{ … }}` writes.
  func string(_ meter: JinjaMeter) throws(JinjaError) -> JinjaString {
    switch self {
    case .text(let string): return string
    case .missing: return .empty
    case .none: return Self.noneText
    case .bool(let value): return value ? Self.trueText : Self.falseText
    case .integer(let value): return JinjaString(String(value), meter: meter)
    default:
      var result = JinjaStringBuilder(meter: meter)
      try represent(into: &result)
      return result.finish()
    }
  }

  private static let noneText = JinjaString("None")
  private static let trueText = JinjaString("True")
  private static let falseText = JinjaString("False")

  /// Python's `repr`.
  func represented(_ meter: JinjaMeter) throws(JinjaError) -> JinjaString {
    var result = JinjaStringBuilder(meter: meter)
    try represent(into: &result)
    return result.finish()
  }

  func represent(into result: inout JinjaStringBuilder) throws(JinjaError) {
    try result.meter.step()
    switch self {
    case .missing: try result.append("Undefined")
    case .none: try result.append("None")
    case .bool(let value): try result.append(value ? "True" : "False")
    case .integer(let value): try result.append(String(value))
    case .big(let value): try result.append(value.digits)
    case .float(let value): try result.append(JinjaNumber.text(value))
    case .text(let string): try Self.represent(string, into: &result)
    case .sequence(let list):
      try result.append("[")
      try Self.represent(list.items, into: &result)
      try result.append("]")
    case .tuple(let list):
      try result.append("(")
      try Self.represent(list.items, into: &result)
      try result.append(list.items.count == 1 ? ",)" : ")")
    case .mapping(let dictionary):
      try Self.represent(dictionary.keys, dictionary.values, into: &result)
    case .object(let object): try object.represent(into: &result)
    }
  }

  fileprivate static func represent(
    _ items: [JinjaValue], into result: inout JinjaStringBuilder
  ) throws(JinjaError) {
    try result.meter.enter()
    defer { result.meter.leave() }
    for (index, item) in items.enumerated() {
      if index > 0 { try result.append(", ") }
      try item.represent(into: &result)
    }
  }

  fileprivate static func represent(
    _ keys: [JinjaValue], _ values: [JinjaValue], into result: inout JinjaStringBuilder
  ) throws(JinjaError) {
    try result.meter.enter()
    defer { result.meter.leave() }
    try result.append("{")
    for index in keys.indices {
      if index > 0 { try result.append(", ") }
      try keys[index].represent(into: &result)
      try result.append(": ")
      try values[index].represent(into: &result)
    }
    try result.append("}")
  }

  /// Single quotes unless the text holds some and no double ones; what does not print is escaped.
  private static func represent(
    _ string: JinjaString, into result: inout JinjaStringBuilder
  ) throws(JinjaError) {
    let hasSingle = string.bytes.contains(0x27)
    let quote: Unicode.Scalar = hasSingle && !string.bytes.contains(0x22) ? "\"" : "'"
    if string.isMarkup { try result.append("Markup(") }
    try result.append(quote, mark: .template)
    var offset = 0
    while offset < string.bytes.count {
      let start = offset
      let scalar = string.scalar(at: &offset)
      let mark = string.mark(at: start)
      switch scalar {
      case quote, "\\": try result.append("\\\(scalar)", mark: mark)
      case "\n": try result.append("\\n", mark: mark)
      case "\r": try result.append("\\r", mark: mark)
      case "\t": try result.append("\\t", mark: mark)
      case " "..."~": try result.append(scalar, mark: mark)
      default:
        if JinjaText.isPrintable(scalar), !scalar.isASCII {
          try result.append(scalar, mark: mark)
        } else {
          try result.append(JinjaText.escape(scalar), mark: mark)
        }
      }
    }
    try result.append(quote, mark: .template)
    if string.isMarkup { try result.append(")") }
  }
}

extension JinjaText {
  /// `\x..`, `\u....` or `\U........`.
  static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (letter, width) =
      scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
  }
}

extension JinjaObject {
  fileprivate func represent(into result: inout JinjaStringBuilder) throws(JinjaError) {
    switch self {
    case let namespace as JinjaNamespace:
      try result.append("<Namespace ")
      try JinjaValue.represent(
        namespace.names.map(JinjaValue.text), namespace.values, into: &result)
      try result.append(">")
    case let macro as JinjaMacro:
      let name = macro.definition.name.map { "'\($0)'" } ?? "anonymous"
      try result.append("<Macro \(name)>")
    case let range as JinjaRange:
      try result.append(
        "range(\(range.start), \(range.stop)" + (range.step == 1 ? ")" : ", \(range.step))"))
    case let view as JinjaDictionaryView:
      try result.append("dict_\(view.kind.rawValue)([")
      let items = (0..<view.dictionary.count).map { view.item($0, result.meter) }
      try JinjaValue.represent(items, into: &result)
      try result.append("])")
    case let loop as JinjaLoop:
      try result.append("<LoopContext \(loop.index)/\(try loop.length())>")
    default:
      // Jinja2 prints the object's place in memory.
      throw result.meter.fail("\(typeName) has no text: call it, or make a list of it first")
    }
  }
}
