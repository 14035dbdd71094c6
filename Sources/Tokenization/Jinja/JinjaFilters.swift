/// A filter: the value before the bar and the arguments.
typealias JinjaFilter =
  @Sendable (JinjaRender, JinjaValue, JinjaArguments) throws(JinjaError) -> JinjaValue

/// The filters of Jinja2 3.1 by name, with transformers' `tojson`. `random` and `urlize` are there
/// only to say that they are not supported.
enum JinjaFilters {
  static let named: [String: JinjaFilter] = [
    "abs": absolute, "attr": attribute, "batch": batch, "capitalize": cased(.capitalized),
    "center": center, "count": length, "d": standard, "default": standard,
    "dictsort": sortedDictionary, "e": escape, "escape": escape, "filesizeformat": fileSize,
    "first": first, "float": float, "forceescape": forceEscape, "format": format,
    "groupby": groups, "indent": indent, "int": integer, "items": items, "join": join,
    "last": last, "length": length, "list": list, "lower": cased(.lower), "map": map,
    "max": extreme(isGreatest: true), "min": extreme(isGreatest: false), "pprint": prettyPrint,
    "random": unsupported("random", "its text would be another each time"),
    "reject": select(accepts: false, byAttribute: false),
    "rejectattr": select(accepts: false, byAttribute: true), "replace": replace,
    "reverse": reverse, "round": round, "safe": safe,
    "select": select(accepts: true, byAttribute: false),
    "selectattr": select(accepts: true, byAttribute: true), "slice": slice, "sort": sort,
    "string": string, "striptags": withoutTags, "sum": sum, "title": title, "tojson": json,
    "trim": trim, "truncate": truncate, "unique": unique, "upper": cased(.upper),
    "urlencode": encodeURL, "urlize": unsupported("urlize", "it is for HTML pages"),
    "wordcount": countWords, "wordwrap": wrap, "xmlattr": attributes,
  ]

  private static func unsupported(_ name: String, _ reason: String) -> JinjaFilter {
    { (render, _, _) throws(JinjaError) in
      throw render.meter.fail("the filter '\(name)' is not supported: \(reason)")
    }
  }

  /// The value as a string: what it prints unless it is one.
  static func soft(_ value: JinjaValue, _ meter: JinjaMeter) throws(JinjaError) -> JinjaString {
    try value.string(meter)
  }

  static let json: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    .text(try JinjaJSON.text(of: value, arguments, render))
  }

  static let length: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    guard let length = render.length(of: value) else {
      throw render.meter.fail("\(value.typeName) has no length")
    }
    return .integer(length)
  }

  static let standard: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["default_value", "boolean"], render.meter)
    if value.isUndefined || ((values[1]?.isTrue ?? false) && !value.isTrue) {
      return values[0] ?? .text(.empty)
    }
    return value
  }

  static let attribute: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["name"], required: 1, render.meter)
    let name = try render.string(values[0])
    if value.isUndefined {
      return .missing(JinjaUndefined(attribute: name.text))
    }
    return try render.member(of: value, name, JinjaMethod(rawValue: name.text))
      ?? .missing(JinjaUndefined(attribute: name.text))
  }

  // MARK: - Numbers

  static let absolute: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    switch value {
    case .bool, .integer:
      let integer = value.asInteger ?? 0
      return integer < 0
        ? try render.integer(integer.multipliedReportingOverflow(by: -1)) : .integer(integer)
    case .float(let number): return .float(number.magnitude)
    case .big(let big):
      return big.isNegative ? .bigInteger(digits: String(big.digits.dropFirst())) : value
    default: throw render.meter.fail("\(value.typeName) has no absolute value")
    }
  }

  static let integer: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["default", "base"], render.meter)
    let fallback = values[0] ?? .integer(0)
    switch value {
    case .bool: return .integer(value.asInteger ?? 0)
    case .integer, .big: return value
    case .float(let number):
      // Python's int(inf) raises what the filter does not catch before it tries the float again.
      guard !number.isInfinite else { throw render.meter.fail("an infinite number is no integer") }
      return JinjaNumber.integer(number) ?? fallback
    case .text(let text):
      let base = try render.integer(values[1], default: 10)
      try render.meter.spend(bytes: text.bytes.count * 16)
      if let integer = JinjaNumber.integer(parsing: text, base: base) { return integer }
      return JinjaNumber.float(parsing: text).flatMap(JinjaNumber.integer) ?? fallback
    case .missing(let undefined): throw render.meter.fail(undefined.reason)
    default: return fallback
    }
  }

  static let float: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["default"], render.meter)
    let fallback = values[0] ?? .float(0)
    switch value {
    case .text(let text):
      try render.meter.spend(bytes: text.bytes.count * 16)
      return JinjaNumber.float(parsing: text).map(JinjaValue.float) ?? fallback
    case .missing(let undefined): throw render.meter.fail(undefined.reason)
    case .big(let big) where big.asFloat.isInfinite:
      throw render.meter.fail("an integer beyond the range of floats")
    default: return value.asFloat.map(JinjaValue.float) ?? fallback
    }
  }

  static let round: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["precision", "method"], render.meter)
    let digits = try render.integer(values[0], default: 0)
    let method = values[1] == nil ? "common" : try render.string(values[1]).text
    guard ["common", "ceil", "floor"].contains(method) else {
      throw render.meter.fail("the method of rounding must be common, ceil or floor")
    }
    guard let number = value.asFloat else {
      throw render.meter.fail("\(value.typeName) cannot be rounded")
    }
    let isFloat = if case .float = value { true } else { false }
    if method == "common" {
      if isFloat {
        guard number.isFinite || values[0] != nil else { return value }
        return .float(JinjaNumber.rounded(number, digits: digits))
      }
      if digits >= 0 { return value.asInteger.map(JinjaValue.integer) ?? value }
      guard let integer = value.asInteger, number.magnitude < 1e15 else {
        throw render.meter.fail("rounding so large an integer is not supported")
      }
      return .integer(Int(JinjaNumber.rounded(Double(integer), digits: digits)))
    }
    guard digits.magnitude <= 300 else { throw render.meter.fail("too many digits to round to") }
    let scale = try render.calculate(.integer(10), .power, .integer(digits))
    let scaled = try render.calculate(value, .multiply, scale)
    var whole = scaled
    if case .float(let scaled) = scaled {
      guard let integer = JinjaNumber.integer(scaled.rounded(method == "ceil" ? .up : .down)) else {
        throw render.meter.fail("an infinite number cannot be rounded")
      }
      whole = integer
    }
    return try render.calculate(whole, .divide, scale)
  }

  static let fileSize: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["binary"], render.meter)
    let isBinary = values[0]?.isTrue ?? false
    guard case .float(let bytes) = try float(render, value, JinjaArguments(positional: [.none]))
    else { throw render.meter.fail("\(value.typeName) is no size") }
    let base: Double = isBinary ? 1024 : 1000
    if bytes == 1 { return render.text("1 Byte") }
    if bytes < base { return render.text("\(Int(bytes)) Bytes") }
    var unit = base
    for (index, letter) in ["k", "M", "G", "T", "P", "E", "Z", "Y"].enumerated() {
      unit *= base
      if bytes < unit || index == 7 {
        let prefix = isBinary ? letter.uppercased() + "i" : letter
        return render.text(JinjaNumber.fixed(base * bytes / unit, digits: 1) + " \(prefix)B")
      }
    }
    return .none
  }
}
