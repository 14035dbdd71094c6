/// A test: the value before `is` and the arguments.
typealias JinjaTest =
  @Sendable (JinjaRender, JinjaValue, JinjaArguments) throws(JinjaError) -> Bool

/// The tests of Jinja2 3.1 by name.
enum JinjaTests {
  static let named: [String: JinjaTest] = [
    "defined": simple { !$0.isUndefined }, "undefined": simple { $0.isUndefined },
    "none": simple { $0.isNone },
    "boolean": simple { if case .bool = $0 { true } else { false } },
    "true": simple { if case .bool(true) = $0 { true } else { false } },
    "false": simple { if case .bool(false) = $0 { true } else { false } },
    "integer": simple(isInteger), "float": simple { if case .float = $0 { true } else { false } },
    "number": simple { $0.asFloat != nil }, "string": simple { $0.asString != nil },
    "mapping": simple { if case .mapping = $0 { true } else { false } },
    "sequence": simple(isSequence), "iterable": simple(isIterable),
    "callable": simple(isCallable), "escaped": simple { $0.asString?.isMarkup ?? false },
    "lower": cased(upper: false), "upper": cased(upper: true),
    "odd": divisible(by: 2, rest: 1), "even": divisible(by: 2, rest: 0),
    "divisibleby": isDivisible, "sameas": isSame, "in": isIn,
    "filter": exists { JinjaFilters.named[$0] != nil },
    "test": exists { JinjaTests.named[$0] != nil },
    "==": compared(.equal), "eq": compared(.equal), "equalto": compared(.equal),
    "!=": compared(.notEqual), "ne": compared(.notEqual),
    ">": compared(.greater), "gt": compared(.greater), "greaterthan": compared(.greater),
    ">=": compared(.greaterOrEqual), "ge": compared(.greaterOrEqual),
    "<": compared(.less), "lt": compared(.less), "lessthan": compared(.less),
    "<=": compared(.lessOrEqual), "le": compared(.lessOrEqual),
  ]

  private static func compared(_ operation: JinjaComparison.Operator) -> JinjaTest {
    { (render, value, arguments) throws(JinjaError) in
      try render.compare(value, operation, try arguments.checked(1...1, render.meter)[0])
    }
  }

  private static let isDivisible: JinjaTest = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["num"], required: 1, render.meter)
    let rest = try render.calculate(value, .modulo, values[0] ?? .none)
    return try JinjaValue.areEqual(rest, .integer(0), render.meter)
  }

  private static let isSame: JinjaTest = { (render, value, arguments) throws(JinjaError) in
    value.isSame(as: try arguments.bound(["other"], required: 1, render.meter)[0] ?? .none)
  }

  private static let isIn: JinjaTest = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["seq"], required: 1, render.meter)
    return try render.contains(values[0] ?? .none, value)
  }

  private static func simple(_ condition: @escaping @Sendable (JinjaValue) -> Bool) -> JinjaTest {
    { (render, value, arguments) throws(JinjaError) in
      _ = try arguments.checked(0...0, render.meter)
      return condition(value)
    }
  }

  private static func cased(upper: Bool) -> JinjaTest {
    { (render, value, arguments) throws(JinjaError) in
      _ = try arguments.checked(0...0, render.meter)
      let text = try value.string(render.meter)
      try render.meter.spend(bytes: text.bytes.count * 8)
      return text.isCased(upper: upper)
    }
  }

  private static func divisible(by divisor: Int, rest: Int) -> JinjaTest {
    { (render, value, arguments) throws(JinjaError) in
      _ = try arguments.checked(0...0, render.meter)
      if case .big(let big) = value {
        return (big.digits.utf8.last ?? 0x30) & 1 == UInt8(rest)
      }
      let found = try render.calculate(value, .modulo, .integer(divisor))
      return try JinjaValue.areEqual(found, .integer(rest), render.meter)
    }
  }

  private static func exists(_ isThere: @escaping @Sendable (String) -> Bool) -> JinjaTest {
    { (render, value, arguments) throws(JinjaError) in
      _ = try arguments.checked(0...0, render.meter)
      guard value.isHashable else { throw render.meter.fail("\(value.typeName) is no name") }
      return isThere(value.asString?.text ?? "")
    }
  }

  private static let isInteger: @Sendable (JinjaValue) -> Bool = { value in
    switch value {
    case .integer, .big: true
    default: false
    }
  }

  private static let isSequence: @Sendable (JinjaValue) -> Bool = { value in
    switch value {
    case .text, .sequence, .tuple, .mapping, .missing: true
    case .object(let object): object is JinjaRange
    default: false
    }
  }

  private static let isIterable: @Sendable (JinjaValue) -> Bool = { value in
    switch value {
    case .text, .sequence, .tuple, .mapping, .missing: true
    case .object(let object):
      object is JinjaRange || object is JinjaDictionaryView || object is JinjaIterator
        || object is JinjaLoop
    default: false
    }
  }

  private static let isCallable: @Sendable (JinjaValue) -> Bool = { value in
    switch value {
    // Python's undefined value has a method of calling, which raises.
    case .missing: true
    case .object(let object):
      object is JinjaMacro || object is JinjaFunction || object is JinjaBoundMethod
        || object is JinjaLoop || object is JinjaJoiner
    default: false
    }
  }
}
