/// `text.format(…)`: Python's format strings, names looked up as the sandbox does.
struct JinjaFormat {
  private let text: JinjaString
  private let scalars: [(scalar: Unicode.Scalar, offset: Int)]
  private let render: JinjaRender
  private let positional: [JinjaValue]
  private let named: (JinjaString) -> JinjaValue?
  /// The next automatic number; nil once numbers are written.
  private var automatic: Int? = 0

  static func format(
    _ text: JinjaString, _ arguments: JinjaArguments, _ render: JinjaRender
  ) throws(JinjaError) -> JinjaString {
    let named = arguments.named
    return try format(text, arguments.positional, render) { name in
      named.first { name.equals($0.name) }?.value
    }
  }

  /// `format_map`: all names from one dictionary.
  static func format(
    _ text: JinjaString, mapping: JinjaValue, _ render: JinjaRender
  ) throws(JinjaError) -> JinjaString {
    guard case .mapping(let dictionary) = mapping else {
      throw render.meter.fail("format_map needs a dictionary, not \(mapping.typeName)")
    }
    return try format(text, [], render) { dictionary[$0] }
  }

  private static func format(
    _ text: JinjaString, _ positional: [JinjaValue], _ render: JinjaRender,
    _ named: @escaping (JinjaString) -> JinjaValue?
  ) throws(JinjaError) -> JinjaString {
    if text.isMarkup { throw render.meter.fail("format of an escaped text is not supported") }
    try render.meter.expect(bytes: text.count * 16)
    var scalars: [(scalar: Unicode.Scalar, offset: Int)] = []
    text.forEachScalar { scalars.append((scalar: $0, offset: $1)) }
    var format = JinjaFormat(
      text: text, scalars: scalars, render: render, positional: positional, named: named)
    return try format.expand(0..<scalars.count, level: 2)
  }

  private init(
    text: JinjaString, scalars: [(scalar: Unicode.Scalar, offset: Int)], render: JinjaRender,
    positional: [JinjaValue], named: @escaping (JinjaString) -> JinjaValue?
  ) {
    self.text = text
    self.scalars = scalars
    self.render = render
    self.positional = positional
    self.named = named
  }

  private func fail(_ reason: String) -> JinjaError { render.meter.fail(reason) }

  private func part(_ range: Range<Int>) -> JinjaString {
    let end = range.upperBound < scalars.count ? scalars[range.upperBound].offset : text.bytes.count
    let start =
      range.lowerBound < scalars.count ? scalars[range.lowerBound].offset : text.bytes.count
    return text.part(start..<end, meter: render.meter)
  }

  /// The text of a range of the format; fields may stand in a field's own format once.
  private mutating func expand(_ range: Range<Int>, level: Int) throws(JinjaError) -> JinjaString {
    guard level > 0 else { throw fail("fields nest too deeply in the format") }
    var result = JinjaStringBuilder(meter: render.meter)
    var index = range.lowerBound
    while index < range.upperBound {
      let (scalar, offset) = scalars[index]
      let isDoubled = index + 1 < range.upperBound && scalars[index + 1].scalar == scalar
      if scalar != "{" && scalar != "}" || isDoubled {
        try result.append(scalar, mark: text.mark(at: offset))
        index += isDoubled && (scalar == "{" || scalar == "}") ? 2 : 1
        continue
      }
      guard scalar == "{" else { throw fail("the format has a single '}'") }
      var end = index + 1
      var depth = 1
      while end < range.upperBound {
        if scalars[end].scalar == "{" { depth += 1 }
        if scalars[end].scalar == "}" { depth -= 1 }
        if depth == 0 { break }
        end += 1
      }
      guard depth == 0 else { throw fail("the format has a '{' without end") }
      try result.append(try field(index + 1..<end, level: level))
      index = end + 1
    }
    return result.finish()
  }

  /// `name!conversion:format`.
  private mutating func field(_ range: Range<Int>, level: Int) throws(JinjaError) -> JinjaString {
    var end = range.lowerBound
    var isInBrackets = false
    while end < range.upperBound {
      let scalar = scalars[end].scalar
      if scalar == "[" { isInBrackets = true }
      if scalar == "]" { isInBrackets = false }
      if !isInBrackets, scalar == "!" || scalar == ":" { break }
      if scalar == "{" { throw fail("the format has a '{' in a name") }
      end += 1
    }
    var value = try self.value(named: range.lowerBound..<end)
    if end < range.upperBound, scalars[end].scalar == "!" {
      guard end + 1 < range.upperBound,
        end + 2 == range.upperBound || scalars[end + 2].scalar == ":"
      else { throw fail("the format has a wrong conversion") }
      switch scalars[end + 1].scalar {
      case "s": value = .text(try value.string(render.meter))
      case "r": value = .text(try value.represented(render.meter))
      case "a": value = .text(try JinjaField.ascii(value, render.meter))
      default: throw fail("the format has a wrong conversion")
      }
      end += 2
    }
    let specification =
      end < range.upperBound
      ? try expand(end + 1..<range.upperBound, level: level - 1) : JinjaString.empty
    return try written(value, specification)
  }

  private mutating func value(named range: Range<Int>) throws(JinjaError) -> JinjaValue {
    var end = range.lowerBound
    while end < range.upperBound, scalars[end].scalar != ".", scalars[end].scalar != "[" {
      end += 1
    }
    let first = part(range.lowerBound..<end)
    var value: JinjaValue
    if range.isEmpty {
      guard let number = automatic else { throw fail("the format mixes numbered and other fields") }
      automatic = number + 1
      value = try positional(number)
    } else if let number = Int(first.text), !first.isEmpty, first.bytes.allSatisfy(\.isDigit) {
      guard automatic == nil || automatic == 0 else {
        throw fail("the format mixes numbered and other fields")
      }
      if end == range.upperBound { automatic = nil }
      value = try positional(number)
    } else {
      guard let found = named(first) else { throw fail("the format has no value '\(first.text)'") }
      value = found
    }
    while end < range.upperBound {
      let isItem = scalars[end].scalar == "["
      var stop = end + 1
      while stop < range.upperBound,
        isItem
          ? scalars[stop].scalar != "]"
          : scalars[stop].scalar != "." && scalars[stop].scalar != "["
      {
        stop += 1
      }
      let name = part(end + 1..<stop)
      guard !name.isEmpty, !isItem || stop < range.upperBound else {
        throw fail("the format has an empty attribute")
      }
      if isItem {
        let isIndex = name.bytes.allSatisfy(\.isDigit)
        let key = isIndex ? Int(name.text).map(JinjaValue.integer) ?? .text(name) : .text(name)
        value = try render.item(of: value, key)
        stop += 1
        guard stop == range.upperBound || ".[".unicodeScalars.contains(scalars[stop].scalar) else {
          throw fail("the format has text after ']'")
        }
      } else {
        value = try render.attribute(
          of: value,
          JinjaAttribute(object: .constant(.none), name: name.text, line: render.meter.line))
      }
      end = stop
    }
    return value
  }

  private func positional(_ number: Int) throws(JinjaError) -> JinjaValue {
    guard number < positional.count else { throw fail("the format has more fields than values") }
    return positional[number]
  }

  // MARK: - Writing

  /// Python's `format(value, specification)`.
  private func written(
    _ value: JinjaValue, _ specification: JinjaString
  ) throws(JinjaError) -> JinjaString {
    if specification.isEmpty { return try value.string(render.meter) }
    var field = try JinjaField(parsing: specification, render)
    switch value {
    case .text(let text):
      guard field.type == nil || field.type == "s", field.alignment != "=", field.sign == "-",
        !field.isAlternate, field.grouping == nil
      else { throw fail("a format that is not for strings") }
      return try field.text(text, render)
    case .bool, .integer, .big:
      if let type = field.type, "eEfFgG%".unicodeScalars.contains(type) {
        return try field.float(value.asFloat ?? 0, render)
      }
      guard field.precision == nil else { throw fail("a precision is not for integers") }
      if field.type == "c" {
        guard let code = value.asInteger, let small = UInt32(exactly: code),
          let scalar = Unicode.Scalar(small)
        else { throw fail("the number is no character") }
        field.alignment = field.alignment ?? "<"
        return try field.text(JinjaString(String(scalar)), render)
      }
      return try field.integer(value, render)
    case .float(let number): return try field.float(number, render)
    default: throw fail("\(value.typeName) has no format but the empty one")
    }
  }
}

extension JinjaField {
  /// `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
  init(parsing text: JinjaString, _ render: JinjaRender) throws(JinjaError) {
    var scalars: [Unicode.Scalar] = []
    text.forEachScalar { scalar, _ in scalars.append(scalar) }
    var index = 0
    func peek(_ offset: Int = 0) -> Unicode.Scalar? {
      index + offset < scalars.count ? scalars[index + offset] : nil
    }
    func isAlignment(_ scalar: Unicode.Scalar?) -> Bool {
      scalar.map { "<>=^".unicodeScalars.contains($0) } ?? false
    }
    func number() throws(JinjaError) -> Int? {
      var value: Int?
      while let digit = peek(), digit >= "0", digit <= "9" {
        value = (value ?? 0) * 10 + Int(digit.value - 0x30)
        guard value ?? 0 <= Self.largest else { throw render.meter.fail("too wide a field") }
        index += 1
      }
      return value
    }
    if isAlignment(peek(1)), let first = peek() {
      fill = JinjaString(String(first))
      alignment = peek(1)
      index = 2
    } else if isAlignment(peek()) {
      alignment = peek()
      index = 1
    }
    let hasFill = index == 2
    if let sign = peek(), "+- ".unicodeScalars.contains(sign) {
      self.sign = sign
      index += 1
    }
    if peek() == "z" { throw render.meter.fail("the format's 'z' is not supported") }
    if peek() == "#" {
      isAlternate = true
      index += 1
    }
    if peek() == "0" {
      if !hasFill { fill = JinjaString("0") }
      if alignment == nil { zeroPads = true }
      index += 1
    }
    width = try number() ?? 0
    if let grouping = peek(), grouping == "," || grouping == "_" {
      self.grouping = grouping
      index += 1
    }
    if peek() == "." {
      index += 1
      guard let precision = try number() else {
        throw render.meter.fail("the format has a point without precision")
      }
      self.precision = precision
    }
    if let letter = peek() {
      type = letter
      index += 1
    }
    guard index == scalars.count else {
      throw render.meter.fail("the format '\(text.text)' is wrong")
    }
  }
}
