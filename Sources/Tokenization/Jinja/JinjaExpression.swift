/// An expression of a template. Chains (`a + b - c`, `a and b and c`, `a < b < c`) are flat, so
/// that a long one needs no deep recursion.
enum JinjaExpression: Sendable {
  case constant(JinjaValue)
  case variable(JinjaVariable)
  case attribute(JinjaAttribute)
  case item(JinjaItem)
  case slice(JinjaSlice)
  case call(JinjaCall)
  case filter(JinjaFilterCall)
  case test(JinjaTestCall)
  case arithmetic(JinjaArithmetic)
  case sign(JinjaSign)
  case concatenation(JinjaGroup)
  case comparison(JinjaComparison)
  case and(JinjaGroup)
  case or(JinjaGroup)
  case not(JinjaGroup)
  case conditional(JinjaConditional)
  case list(JinjaGroup)
  case tuple(JinjaGroup)
  case dictionary(JinjaPairs)
}

/// A name, and where its value stands once the scopes are known.
final class JinjaVariable: @unchecked Sendable {
  let name: String
  let line: Int
  let undefined: JinjaUndefined
  /// Its place, written once by the resolver, before the template is used.
  var slot = JinjaSlot(hops: 0, index: 0)

  init(name: String, line: Int) {
    self.name = name
    self.line = line
    undefined = JinjaUndefined(name: name)
  }
}

/// Where a variable stands: in the frame so many functions further out, at an index.
struct JinjaSlot: Equatable, Sendable {
  var hops: Int
  var index: Int
}

/// `object.name`.
final class JinjaAttribute: Sendable {
  let object: JinjaExpression
  let name: JinjaString
  /// The method that the name may be.
  let method: JinjaMethod?
  let line: Int
  let undefined: JinjaUndefined

  init(object: JinjaExpression, name: String, line: Int) {
    self.object = object
    self.name = JinjaString(name)
    self.line = line
    method = JinjaMethod(rawValue: name)
    undefined = JinjaUndefined(attribute: name)
  }
}

/// `object[key]`.
final class JinjaItem: Sendable {
  let object: JinjaExpression
  let key: JinjaExpression
  let line: Int
  let undefined: JinjaUndefined

  init(object: JinjaExpression, key: JinjaExpression, line: Int) {
    self.object = object
    self.key = key
    self.line = line
    if case .constant(.text(let name)) = key {
      undefined = JinjaUndefined(attribute: name.text)
    } else {
      undefined = .noItem
    }
  }
}

/// `object[start:stop:step]`.
final class JinjaSlice: Sendable {
  let object: JinjaExpression
  let start: JinjaExpression?
  let stop: JinjaExpression?
  let step: JinjaExpression?
  let line: Int

  init(
    object: JinjaExpression, start: JinjaExpression?, stop: JinjaExpression?,
    step: JinjaExpression?, line: Int
  ) {
    self.object = object
    self.start = start
    self.stop = stop
    self.step = step
    self.line = line
  }
}

/// Arguments as they are written.
struct JinjaArgumentList: Sendable {
  var positional: [JinjaExpression] = []
  var named: [(name: String, value: JinjaExpression)] = []
  /// `*list` and `**dictionary`.
  var list: JinjaExpression?
  var dictionary: JinjaExpression?
}

/// `callee(arguments)`.
final class JinjaCall: Sendable {
  let callee: JinjaExpression
  let arguments: JinjaArgumentList
  let line: Int

  init(callee: JinjaExpression, arguments: JinjaArgumentList, line: Int) {
    self.callee = callee
    self.arguments = arguments
    self.line = line
  }
}

/// `value | name(arguments)`; the value of a filter block is its text.
final class JinjaFilterCall: Sendable {
  let value: JinjaExpression?
  let name: String
  /// Nil when there is no such filter: an error when it is reached, or before, see the resolver.
  let body: JinjaFilter?
  let arguments: JinjaArgumentList
  let line: Int

  init(value: JinjaExpression?, name: String, arguments: JinjaArgumentList, line: Int) {
    self.value = value
    self.name = name
    self.arguments = arguments
    self.line = line
    body = JinjaFilters.named[name]
  }
}

/// `value is name(arguments)`.
final class JinjaTestCall: Sendable {
  let value: JinjaExpression
  let name: String
  let body: JinjaTest?
  let arguments: JinjaArgumentList
  let line: Int

  init(value: JinjaExpression, name: String, arguments: JinjaArgumentList, line: Int) {
    self.value = value
    self.name = name
    self.arguments = arguments
    self.line = line
    body = JinjaTests.named[name]
  }
}

/// `a + b - c`: from the left.
final class JinjaArithmetic: Sendable {
  enum Operator: Sendable { case add, subtract, multiply, divide, floorDivide, modulo, power }

  let first: JinjaExpression
  let rest: [(operation: Operator, operand: JinjaExpression)]
  let line: Int

  init(first: JinjaExpression, rest: [(Operator, JinjaExpression)], line: Int) {
    self.first = first
    self.rest = rest.map { (operation: $0.0, operand: $0.1) }
    self.line = line
  }
}

/// `-a` and `+a`.
final class JinjaSign: Sendable {
  let isNegative: Bool
  let operand: JinjaExpression
  let line: Int

  init(isNegative: Bool, operand: JinjaExpression, line: Int) {
    self.isNegative = isNegative
    self.operand = operand
    self.line = line
  }
}

/// `a < b <= c`: each pair is compared until one fails.
final class JinjaComparison: Sendable {
  enum Operator: Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn
  }

  let first: JinjaExpression
  let rest: [(operation: Operator, operand: JinjaExpression)]
  let line: Int

  init(first: JinjaExpression, rest: [(Operator, JinjaExpression)], line: Int) {
    self.first = first
    self.rest = rest.map { (operation: $0.0, operand: $0.1) }
    self.line = line
  }
}

/// `value if condition else other`.
final class JinjaConditional: Sendable {
  let condition: JinjaExpression
  let value: JinjaExpression
  let other: JinjaExpression?
  let line: Int
  let undefined = JinjaUndefined(
    reason: "an inline if without else was false, and its value is used")

  init(
    condition: JinjaExpression, value: JinjaExpression, other: JinjaExpression?, line: Int
  ) {
    self.condition = condition
    self.value = value
    self.other = other
    self.line = line
  }
}

/// Expressions of one operation: a list's items, the operands of `and`.
final class JinjaGroup: Sendable {
  let items: [JinjaExpression]
  let line: Int

  init(_ items: [JinjaExpression], line: Int) {
    self.items = items
    self.line = line
  }
}

/// The keys and values of a dictionary.
final class JinjaPairs: Sendable {
  let pairs: [(key: JinjaExpression, value: JinjaExpression)]
  let line: Int

  init(_ pairs: [(JinjaExpression, JinjaExpression)], line: Int) {
    self.pairs = pairs.map { (key: $0.0, value: $0.1) }
    self.line = line
  }
}
