/// `text % values`, as Python's printf-style formatting.
struct JinjaPrintf {
  private let text: JinjaString
  private let scalars: [(scalar: Unicode.Scalar, offset: Int)]
  private let values: JinjaValue
  private let render: JinjaRender
  private var used = 0
  private var index = 0
  private var usesNames = false

  static func format(
    _ text: JinjaString, _ values: JinjaValue, _ render: JinjaRender
  ) throws(JinjaError) -> JinjaString {
    try render.meter.expect(bytes: text.count * 16)
    var printf = JinjaPrintf(text, values, render)
    return try printf.run()
  }

  private init(_ text: JinjaString, _ values: JinjaValue, _ render: JinjaRender) {
    self.text = text
    self.values = values
    self.render = render
    var scalars: [(scalar: Unicode.Scalar, offset: Int)] = []
    text.forEachScalar { scalars.append((scalar: $0, offset: $1)) }
    self.scalars = scalars
  }

  private func fail(_ reason: String) -> JinjaError { render.meter.fail(reason) }

  private mutating func run() throws(JinjaError) -> JinjaString {
    var result = JinjaStringBuilder(meter: render.meter)
    while index < scalars.count {
      let (scalar, offset) = scalars[index]
      index += 1
      if scalar != "%" {
        try result.append(scalar, mark: text.mark(at: offset))
        continue
      }
      let piece = try conversion(offset)
      try result.append(text.isMarkup ? try JinjaMarkup.escaped(piece, render.meter) : piece)
    }
    try checkAllUsed()
    return result.finish(isMarkup: text.isMarkup)
  }

  /// All values of a tuple must be used; a dictionary's need not.
  private func checkAllUsed() throws(JinjaError) {
    switch values {
    case .tuple(let list):
      guard used == list.items.count else { throw fail("more values than the format uses") }
    case .mapping, .sequence: break
    case .object(let object) where object is JinjaRange || object is JinjaNamespace: break
    default:
      guard used > 0 || usesNames else { throw fail("more values than the format uses") }
    }
  }

  private mutating func nextScalar() throws(JinjaError) -> Unicode.Scalar {
    guard index < scalars.count else { throw fail("the format ends inside a field") }
    index += 1
    return scalars[index - 1].scalar
  }

  private mutating func nextValue() throws(JinjaError) -> JinjaValue {
    defer { used += 1 }
    if case .tuple(let list) = values {
      guard used < list.items.count else { throw fail("the format needs more values") }
      return list.items[used]
    }
    guard used == 0, !usesNames else { throw fail("the format needs more values") }
    return values
  }

  private mutating func number() throws(JinjaError) -> Int? {
    if index < scalars.count, scalars[index].scalar == "*" {
      index += 1
      let value = try render.integer(try nextValue(), default: 0)
      guard value.magnitude <= JinjaField.largest else { throw fail("too wide a field") }
      return value
    }
    var value: Int?
    while index < scalars.count, scalars[index].scalar >= "0", scalars[index].scalar <= "9" {
      value = (value ?? 0) * 10 + Int(scalars[index].scalar.value - 0x30)
      guard value ?? 0 <= JinjaField.largest else { throw fail("too wide a field") }
      index += 1
    }
    return value
  }

  private mutating func key() throws(JinjaError) -> JinjaValue? {
    guard index < scalars.count, scalars[index].scalar == "(" else { return nil }
    index += 1
    let start = index
    var depth = 1
    while depth > 0 {
      switch try nextScalar() {
      case "(": depth += 1
      case ")": depth -= 1
      default: break
      }
    }
    let end = scalars[index - 1].offset
    let first = start < scalars.count ? scalars[start].offset : end
    guard case .mapping(let dictionary) = values else {
      throw fail("the format needs a dictionary")
    }
    usesNames = true
    guard let value = dictionary[text.part(first..<end, meter: render.meter)] else {
      throw fail("the format's name is not in the dictionary")
    }
    return value
  }

  private mutating func conversion(_ offset: Int) throws(JinjaError) -> JinjaString {
    let named = try key()
    var field = JinjaField()
    var isLeft = false
    var fillsZeros = false
    flags: while index < scalars.count {
      switch scalars[index].scalar {
      case "-": isLeft = true
      case "+": field.sign = "+"
      case " ": if field.sign == "-" { field.sign = " " }
      case "#": field.isAlternate = true
      case "0": fillsZeros = true
      default: break flags
      }
      index += 1
    }
    field.width = try number() ?? 0
    if field.width < 0 {
      isLeft = true
      field.width = -field.width
    }
    if index < scalars.count, scalars[index].scalar == "." {
      index += 1
      field.precision = max(0, try number() ?? 0)
    }
    var type = try nextScalar()
    while type == "h" || type == "l" || type == "L" { type = try nextScalar() }
    if type == "%" { return JinjaString("%", origin: text.mark(at: offset).origin) }
    field.alignment = isLeft ? "<" : ">"
    let value = if let named { named } else { try nextValue() }
    if "diuxXoeEfFgG".unicodeScalars.contains(type), fillsZeros, !isLeft {
      field.fill = JinjaString("0")
      field.alignment = "="
    }
    return try written(value, type, &field)
  }

  private func written(
    _ value: JinjaValue, _ type: Unicode.Scalar, _ field: inout JinjaField
  ) throws(JinjaError) -> JinjaString {
    switch type {
    case "s": return try field.text(try value.string(render.meter), render)
    case "r": return try field.text(try value.represented(render.meter), render)
    case "a": return try field.text(try JinjaField.ascii(value, render.meter), render)
    case "c":
      field.precision = nil
      if case .text(let text) = value, text.count == 1 { return try field.text(text, render) }
      guard let code = value.asInteger, let small = UInt32(exactly: code),
        let scalar = Unicode.Scalar(small)
      else { throw fail("%c needs a character") }
      return try field.text(JinjaString(String(scalar)), render)
    case "d", "i", "u":
      field.type = "d"
      guard value.asFloat != nil else { throw fail("%d needs a number, not \(value.typeName)") }
      if case .float(let number) = value {
        guard let integer = JinjaNumber.integer(number) else {
          throw fail("%d of no finite number")
        }
        return try field.integer(integer, render)
      }
      return try field.integer(value, render)
    case "x", "X", "o":
      field.type = type
      guard value.asInteger != nil else {
        throw fail("%\(type) needs an integer, not \(value.typeName)")
      }
      return try field.integer(value, render)
    case "e", "E", "f", "F", "g", "G":
      field.type = type
      guard let number = value.asFloat else {
        throw fail("%\(type) needs a number, not \(value.typeName)")
      }
      return try field.float(number, render)
    default: throw fail("the format has no field '%\(type)'")
    }
  }
}
