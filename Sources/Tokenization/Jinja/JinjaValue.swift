/// A value of a template: what the caller gives, and what expressions make of it. The rules are
/// Python's.
///
/// Lists and dictionaries never change once made, as in Jinja2's immutable sandbox.
enum JinjaValue: Sendable {
  /// A name, attribute or item that is not there; it prints nothing and is false.
  case missing(JinjaUndefined)
  case none
  case bool(Bool)
  case integer(Int)
  /// An integer beyond 64 bits: it prints and compares, but does not calculate.
  case big(JinjaBigInteger)
  case float(Double)
  case text(JinjaString)
  case sequence(JinjaList)
  case tuple(JinjaList)
  case mapping(JinjaDictionary)
  case object(JinjaObject)

  // MARK: - What the caller gives

  static let undefined = JinjaValue.missing(.plain)

  static func bigInteger(digits: String) -> JinjaValue {
    Int(digits).map(JinjaValue.integer) ?? .big(JinjaBigInteger(digits: digits))
  }

  /// - Parameter origin: where the text comes from; 0 is the template itself.
  static func string(_ text: String, origin: Int32) -> JinjaValue {
    .text(JinjaString(text, origin: origin))
  }

  static func list(_ items: [JinjaValue]) -> JinjaValue { .sequence(JinjaList(items)) }

  /// Keys keep their order; a repeated key replaces the value and keeps its place.
  static func dictionary(_ entries: [(key: JinjaString, value: JinjaValue)]) -> JinjaValue {
    .mapping(JinjaDictionary(entries.map { (.text($0.key), $0.value) }))
  }

  /// - Parameter origin: where the keys come from.
  static func dictionary(
    keysAndValues: [(String, JinjaValue)], origin: Int32 = 0
  ) -> JinjaValue {
    dictionary(keysAndValues.map { (JinjaString($0.0, origin: origin), $0.1) })
  }

  /// A JSON value; its strings and keys get the origin.
  init(_ json: JSONValue, origin: Int32) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .bigInteger(let digits): self = .bigInteger(digits: digits)
    case .number(let value): self = .float(value)
    case .string(let text): self = .string(text, origin: origin)
    case .array(let items): self = .list(items.map { JinjaValue($0, origin: origin) })
    case .object(let members):
      self = .dictionary(
        members.map { (JinjaString($0.key, origin: origin), JinjaValue($0.value, origin: origin)) })
    }
  }

  // MARK: - Properties

  /// Lists and dictionaries inside each other, 0 for what holds nothing.
  var depth: Int {
    switch self {
    case .sequence(let list), .tuple(let list): list.depth
    case .mapping(let dictionary): dictionary.depth
    case .object(let object): object.depth
    default: 0
    }
  }

  /// About how many bytes it takes.
  var weight: Int {
    switch self {
    case .text(let string): string.bytes.count + 32
    case .sequence(let list), .tuple(let list): list.weight
    case .mapping(let dictionary): dictionary.weight
    default: 16
    }
  }

  var isUndefined: Bool { if case .missing = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  /// Python's name of the type, for errors.
  var typeName: String {
    switch self {
    case .missing: "an undefined value"
    case .none: "none"
    case .bool: "a boolean"
    case .integer, .big: "an integer"
    case .float: "a float"
    case .text: "a string"
    case .sequence: "a list"
    case .tuple: "a tuple"
    case .mapping: "a dictionary"
    case .object(let object): object.typeName
    }
  }

  /// What Python's `bool` gives.
  var isTrue: Bool {
    switch self {
    case .missing, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .big: true
    case .float(let value): value != 0
    case .text(let string): !string.isEmpty
    case .sequence(let list), .tuple(let list): !list.isEmpty
    case .mapping(let dictionary): dictionary.count > 0
    case .object(let object): object.isTrue
    }
  }

  /// The integer that a boolean or integer is.
  var asInteger: Int? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): value
    default: nil
    }
  }

  /// The float nearest to a number.
  var asFloat: Double? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): Double(value)
    case .big(let value): value.asFloat
    case .float(let value): value
    default: nil
    }
  }

  var asString: JinjaString? { if case .text(let string) = self { string } else { nil } }
}

/// Why a value is undefined: what a use of it that is not allowed says.
final class JinjaUndefined: Sendable {
  let reason: String

  init(reason: String) { self.reason = reason }

  convenience init(name: String) { self.init(reason: "'\(name)' is undefined") }
  convenience init(attribute: String) { self.init(reason: "there is no '\(attribute)' in it") }

  static let plain = JinjaUndefined(reason: "the value is undefined")
  static let noItem = JinjaUndefined(reason: "there is no such item")
}

/// An integer beyond 64 bits, as its sign and digits without leading zeros.
final class JinjaBigInteger: Sendable {
  let digits: String

  init(digits: String) { self.digits = digits }

  var isNegative: Bool { digits.hasPrefix("-") }
  var asFloat: Double { Double(digits) ?? (isNegative ? -.infinity : .infinity) }

  static func < (a: JinjaBigInteger, b: JinjaBigInteger) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    let (x, y) = (Array(a.digits.utf8), Array(b.digits.utf8))
    let isSmaller = x.count != y.count ? x.count < y.count : x.lexicographicallyPrecedes(y)
    return a.digits == b.digits ? false : isSmaller != a.isNegative
  }
}
