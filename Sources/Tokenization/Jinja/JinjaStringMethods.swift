/// Python's methods of `str`.
struct JinjaStringMethods {
  let render: JinjaRender
  let text: JinjaString
  var meter: JinjaMeter { render.meter }

  init(_ render: JinjaRender, _ text: JinjaString) {
    self.render = render
    self.text = text
  }

  func invoke(
    _ method: JinjaMethod, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch method {
    case .strip, .lstrip, .rstrip:
      let values = try arguments.checked(0...1, meter)
      let characters = values.first.flatMap { $0.isNone ? nil : $0 }
      return .text(
        text.stripped(
          try characters.map { (value) throws(JinjaError) in try render.string(value) },
          left: method != .rstrip, right: method != .lstrip, meter))
    case .split, .rsplit: return try split(fromRight: method == .rsplit, arguments)
    case .startswith, .endswith: return try affix(isSuffix: method == .endswith, arguments)
    case .removeprefix, .removesuffix: return try withoutAffix(method, arguments)
    case .replace: return try replace(arguments)
    case .join: return try join(arguments)
    case .splitlines:
      let values = try arguments.bound(["keepends"], meter)
      let lines = try text.lines(keepEnds: values[0]?.isTrue ?? false, meter)
      return try render.list(lines.map(JinjaValue.text))
    case .partition, .rpartition: return try partition(method, arguments)
    case .find, .rfind, .index, .rindex, .count: return try find(method, arguments)
    case .center, .ljust, .rjust: return try pad(method, arguments)
    case .zfill: return try fillZeros(arguments)
    case .expandtabs: return try expandTabs(arguments)
    case .format: return .text(try JinjaFormat.format(text, arguments, render))
    case .formatMap:
      let values = try arguments.checked(1...1, meter)
      return .text(try JinjaFormat.format(text, mapping: values[0], render))
    case .encode, .maketrans, .translate:
      throw meter.fail("the method '\(method.rawValue)' of strings is not supported")
    default:
      _ = try arguments.checked(0...0, meter)
      try meter.spend(bytes: text.bytes.count * 8)
      if let casing = casing(method) { return .text(try text.cased(casing, meter)) }
      return .bool(try has(method))
    }
  }

  private func casing(_ method: JinjaMethod) -> JinjaString.Casing? {
    switch method {
    case .upper: .upper
    case .lower: .lower
    case .title: .title
    case .capitalize: .capitalized
    case .swapcase: .swapped
    case .casefold: .folded
    default: nil
    }
  }

  private func has(_ method: JinjaMethod) throws(JinjaError) -> Bool {
    switch method {
    case .isalnum: text.isAll { JinjaText.isAlphabetic($0) || JinjaText.isNumeric($0) }
    case .isalpha: text.isAll(JinjaText.isAlphabetic)
    case .isascii: text.isASCII
    case .isdecimal: text.isAll { $0.properties.numericType == .decimal }
    case .isdigit: text.isAll(JinjaText.isDigit)
    case .isnumeric: text.isAll(JinjaText.isNumeric)
    case .isidentifier: isIdentifier
    case .islower: text.isCased(upper: false)
    case .isupper: text.isCased(upper: true)
    case .istitle: text.isTitle
    case .isprintable: text.isEmpty || text.isAll(JinjaText.isPrintable)
    case .isspace: text.isAll(JinjaText.isSpace)
    default: throw meter.fail("strings have no method '\(method.rawValue)'")
    }
  }

  private var isIdentifier: Bool {
    var isFirst = true
    return text.isAll { scalar in
      defer { isFirst = false }
      return isFirst ? JinjaText.isNameStart(scalar) : JinjaText.isNamePart(scalar)
    }
  }

  // MARK: - Parts

  private func split(
    fromRight: Bool, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    let values = try arguments.bound(["sep", "maxsplit"], meter)
    let limit = try render.integer(values[1], default: -1)
    let parts: [JinjaString]
    if let separator = values[0], !separator.isNone {
      let separator = try render.string(separator)
      guard !separator.isEmpty else { throw meter.fail("split by an empty string") }
      parts = try text.split(by: separator, limit: limit, fromRight: fromRight, meter)
    } else {
      parts = try text.words(limit: limit, fromRight: fromRight, meter)
    }
    return try render.list(parts.map(JinjaValue.text))
  }

  private func partition(
    _ method: JinjaMethod, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    let separator = try render.string(try arguments.checked(1...1, meter)[0])
    guard !separator.isEmpty else { throw meter.fail("partition by an empty string") }
    let all = 0..<text.bytes.count
    let isLast = method == .rpartition
    let found =
      isLast
      ? try text.lastOffset(of: separator, in: all, meter)
      : try text.firstOffset(of: separator, in: all, meter)
    guard let found else {
      let nothing = JinjaValue.text(.empty)
      return try render.tuple(
        isLast ? [nothing, nothing, .text(text)] : [.text(text), nothing, nothing])
    }
    let end = found + separator.bytes.count
    return try render.tuple([
      .text(text.part(0..<found, meter: meter)), .text(separator),
      .text(text.part(end..<text.bytes.count, meter: meter)),
    ])
  }

  /// The bytes of optional start and end arguments.
  private func range(_ values: [JinjaValue], from first: Int) throws(JinjaError) -> Range<Int>? {
    let start = try render.index(values.count > first ? values[first] : nil)
    let end = try render.index(values.count > first + 1 ? values[first + 1] : nil)
    return text.range(from: start, to: end)
  }

  private func affix(isSuffix: Bool, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
    let values = try arguments.checked(1...3, meter)
    let candidates: [JinjaValue] =
      if case .tuple(let list) = values[0] { list.items } else { [values[0]] }
    let range = try range(values, from: 1)
    for candidate in candidates {
      let candidate = try render.string(candidate)
      guard let range else { continue }
      try meter.spend(bytes: candidate.bytes.count)
      if isSuffix ? text.hasSuffix(candidate, in: range) : text.hasPrefix(candidate, in: range) {
        return .bool(true)
      }
    }
    return .bool(false)
  }

  private func withoutAffix(
    _ method: JinjaMethod, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    let affix = try render.string(try arguments.checked(1...1, meter)[0])
    let all = 0..<text.bytes.count
    if method == .removeprefix, text.hasPrefix(affix, in: all) {
      return .text(text.part(affix.bytes.count..<all.upperBound, meter: meter))
    }
    if method == .removesuffix, !affix.isEmpty, text.hasSuffix(affix, in: all) {
      return .text(text.part(0..<all.upperBound - affix.bytes.count, meter: meter))
    }
    return .text(text)
  }

  private func find(
    _ method: JinjaMethod, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    let values = try arguments.checked(1...3, meter)
    let needle = try render.string(values[0])
    var found: Int?
    if let range = try range(values, from: 1) {
      switch method {
      case .count: return .integer(try text.occurrences(of: needle, in: range, meter))
      case .find, .index: found = try text.firstOffset(of: needle, in: range, meter)
      default: found = try text.lastOffset(of: needle, in: range, meter)
      }
    } else if method == .count {
      return .integer(0)
    }
    if let found { return .integer(text.scalars(in: 0..<found)) }
    guard method == .find || method == .rfind else { throw meter.fail("the text is not there") }
    return .integer(-1)
  }

  // MARK: - Other texts

  private func replace(_ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
    let values = try arguments.checked(2...3, meter)
    let old = try render.string(values[0])
    var new = try render.string(values[1])
    if text.isMarkup { new = try JinjaMarkup.escaped(new, meter) }
    let limit = values.count > 2 ? try render.integer(values[2], default: -1) : -1
    return .text(try text.replacing(old, with: new, limit: limit, meter))
  }

  private func join(_ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
    let values = try arguments.checked(1...1, meter)
    var result = JinjaStringBuilder(meter: meter)
    for (index, item) in try render.items(of: values[0]).enumerated() {
      if index > 0 { try result.append(text) }
      if text.isMarkup {
        try result.append(try JinjaMarkup.escaped(try item.string(meter), meter))
      } else {
        try result.append(try render.string(item))
      }
    }
    return .text(result.finish(isMarkup: text.isMarkup))
  }

  private func pad(
    _ method: JinjaMethod, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    let values = try arguments.checked(1...2, meter)
    let width = try render.integer(values[0], default: 0)
    let fill = values.count > 1 ? try render.string(values[1]) : JinjaString(" ")
    guard fill.count == 1 else { throw meter.fail("the filling must be one character") }
    let alignment: JinjaPadding = method == .center ? .center : method == .ljust ? .left : .right
    return .text(try JinjaPadding.pad(text, to: width, fill, alignment, meter))
  }

  private func fillZeros(_ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
    let width = try render.integer(try arguments.checked(1...1, meter)[0], default: 0)
    if width <= text.count { return .text(text) }
    let first = text.bytes.first
    let signs = first == UInt8(ascii: "-") || first == UInt8(ascii: "+") ? 1 : 0
    var result = JinjaStringBuilder(meter: meter)
    try result.append(text, 0..<signs)
    try result.append(JinjaString("0"), times: width - text.count)
    try result.append(text, signs..<text.bytes.count)
    return .text(result.finish(isMarkup: text.isMarkup))
  }

  private func expandTabs(_ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
    let size = try render.integer(try arguments.bound(["tabsize"], meter)[0], default: 8)
    var result = JinjaStringBuilder(meter: meter)
    var column = 0
    var offset = 0
    while offset < text.bytes.count {
      let start = offset
      let scalar = text.scalar(at: &offset)
      if scalar == "\t" {
        let width = size > 0 ? size - column % size : 0
        try result.append(JinjaString(" "), times: width)
        column += width
      } else {
        try result.append(scalar, mark: text.mark(at: start))
        column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
      }
    }
    return .text(result.finish(isMarkup: text.isMarkup))
  }
}
