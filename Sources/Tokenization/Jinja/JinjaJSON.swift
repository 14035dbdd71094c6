/// `tojson`: Python's `json.dumps` as transformers calls it (nothing escaped for HTML).
struct JinjaJSON {
  private let isASCIIOnly: Bool
  private let sortsKeys: Bool
  private let itemSeparator: JinjaString
  private let keySeparator: JinjaString
  /// What stands before an item for each level, nil when all is in one line.
  private let indent: JinjaString?
  private var result: JinjaStringBuilder
  private var meter: JinjaMeter { result.meter }

  /// - Parameter arguments: `ensure_ascii`, `indent`, `separators` and `sort_keys`.
  static func text(
    of value: JinjaValue, _ arguments: JinjaArguments, _ render: JinjaRender
  ) throws(JinjaError) -> JinjaString {
    var writer = try JinjaJSON(arguments, render)
    try writer.write(value, level: 0)
    return writer.result.finish()
  }

  private init(_ arguments: JinjaArguments, _ render: JinjaRender) throws(JinjaError) {
    let meter = render.meter
    let values = try arguments.bound(["ensure_ascii", "indent", "separators", "sort_keys"], meter)
    isASCIIOnly = values[0]?.isTrue ?? false
    sortsKeys = values[3]?.isTrue ?? false
    result = JinjaStringBuilder(meter: meter)
    switch values[1] ?? .none {
    case .none: indent = nil
    case .text(let text): indent = text
    case let width:
      var spaces = JinjaStringBuilder(meter: meter)
      try spaces.append(JinjaString(" "), times: try render.integer(width, default: 0))
      indent = spaces.finish()
    }
    if let separators = values[2], !separators.isNone {
      let pair = try render.items(of: separators, atMost: 2)
      guard pair.count == 2 else { throw meter.fail("separators must be two strings") }
      itemSeparator = try render.string(pair[0])
      keySeparator = try render.string(pair[1])
    } else {
      itemSeparator = JinjaString(indent == nil ? ", " : ",")
      keySeparator = JinjaString(": ")
    }
  }

  private mutating func write(_ value: JinjaValue, level: Int) throws(JinjaError) {
    try meter.step()
    switch value {
    case .none: try result.append("null")
    case .bool(let value): try result.append(value ? "true" : "false")
    case .integer(let value): try result.append(String(value))
    case .big(let value): try result.append(value.digits)
    case .float(let value): try result.append(Self.number(value))
    case .text(let string): try write(string)
    case .sequence(let list), .tuple(let list):
      try write(list.items, level: level)
    case .mapping(let dictionary): try write(dictionary, level: level)
    case .missing, .object: throw meter.fail("\(value.typeName) cannot be written as JSON")
    }
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return JinjaNumber.text(value)
  }

  private mutating func breakLine(_ level: Int) throws(JinjaError) {
    guard let indent else { return }
    try result.append("\n")
    try result.append(indent, times: level)
  }

  private mutating func write(_ items: [JinjaValue], level: Int) throws(JinjaError) {
    if items.isEmpty { return try result.append("[]") }
    try meter.enter()
    try result.append("[")
    for (index, item) in items.enumerated() {
      if index > 0 { try result.append(itemSeparator) }
      try breakLine(level + 1)
      try write(item, level: level + 1)
    }
    try breakLine(level)
    try result.append("]")
    meter.leave()
  }

  private mutating func write(_ dictionary: JinjaDictionary, level: Int) throws(JinjaError) {
    if dictionary.count == 0 { return try result.append("{}") }
    try meter.enter()
    var places = Array(dictionary.keys.indices)
    if sortsKeys {
      places = try JinjaValue.sorted(
        places.map(JinjaValue.integer), keys: dictionary.keys, descending: false, meter
      ).compactMap(\.asInteger)
    }
    try result.append("{")
    for (index, place) in places.enumerated() {
      if index > 0 { try result.append(itemSeparator) }
      try breakLine(level + 1)
      try write(key: dictionary.keys[place])
      try result.append(keySeparator)
      try write(dictionary.values[place], level: level + 1)
    }
    try breakLine(level)
    try result.append("}")
    meter.leave()
  }

  private mutating func write(key: JinjaValue) throws(JinjaError) {
    switch key {
    case .text(let string): try write(string)
    case .none, .bool, .integer, .big, .float:
      try result.append("\"")
      try write(key, level: 0)
      try result.append("\"")
    default: throw meter.fail("\(key.typeName) cannot be a key in JSON")
    }
  }

  private mutating func write(_ string: JinjaString) throws(JinjaError) {
    try result.append("\"")
    var start = 0
    var offset = 0
    while offset < string.bytes.count {
      let place = offset
      let byte = string.bytes[offset]
      if byte >= 0x20, byte != 0x22, byte != 0x5C, byte < 0x7F || !isASCIIOnly {
        offset += 1
        continue
      }
      let scalar = string.scalar(at: &offset)
      try result.append(string, start..<place)
      try result.append(Self.escape(scalar), mark: string.mark(at: place))
      start = offset
    }
    try result.append(string, start..<string.bytes.count)
    try result.append("\"")
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\u{8}": return "\\b"
    case "\u{C}": return "\\f"
    default:
      return UTF16.encode(scalar)!.map { unit in
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }.joined()
    }
  }
}
