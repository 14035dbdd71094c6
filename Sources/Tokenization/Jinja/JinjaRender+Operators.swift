import Foundation

/// Arithmetic as Python does it; integers beyond 64 bits are refused.
extension JinjaRender {
  func evaluate(
    _ arithmetic: JinjaArithmetic, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    var left = try evaluate(arithmetic.first, frame)
    for (operation, operand) in arithmetic.rest {
      let right = try evaluate(operand, frame)
      meter.line = arithmetic.line
      left = try calculate(left, operation, right)
    }
    return left
  }

  func evaluate(_ sign: JinjaSign, _ frame: JinjaFrame) throws(JinjaError) -> JinjaValue {
    let value = try evaluate(sign.operand, frame)
    meter.line = sign.line
    switch value {
    case .bool, .integer:
      let integer = value.asInteger ?? 0
      return sign.isNegative
        ? try self.integer(integer.multipliedReportingOverflow(by: -1)) : .integer(integer)
    case .float(let number): return .float(sign.isNegative ? -number : number)
    case .big(let big):
      guard sign.isNegative else { return value }
      return .bigInteger(
        digits: big.isNegative ? String(big.digits.dropFirst()) : "-" + big.digits)
    case .missing(let undefined): throw meter.fail(undefined.reason)
    default: throw meter.fail("\(value.typeName) has no sign")
    }
  }

  func calculate(
    _ left: JinjaValue, _ operation: JinjaArithmetic.Operator, _ right: JinjaValue
  ) throws(JinjaError) -> JinjaValue {
    if let a = left.asInteger, let b = right.asInteger { return try integers(a, operation, b) }
    if case .missing(let undefined) = left, !isFormatting(left, operation) {
      throw meter.fail(undefined.reason)
    }
    if case .text(let text) = left, operation == .modulo {
      return .text(try JinjaPrintf.format(text, right, self))
    }
    if case .missing(let undefined) = right { throw meter.fail(undefined.reason) }
    switch (left, right) {
    case (.text(let a), .text(let b)) where operation == .add: return .text(try join(a, b))
    case (.sequence(let a), .sequence(let b)) where operation == .add:
      try meter.expect(bytes: 16 * (a.items.count + b.items.count))
      return try list(a.items + b.items)
    case (.tuple(let a), .tuple(let b)) where operation == .add:
      try meter.expect(bytes: 16 * (a.items.count + b.items.count))
      return try tuple(a.items + b.items)
    default: break
    }
    if operation == .multiply, let repeated = try repeated(left, right) { return repeated }
    let isBig = [left, right].contains { if case .big = $0 { true } else { false } }
    let hasFloat = [left, right].contains { if case .float = $0 { true } else { false } }
    if let a = left.asFloat, let b = right.asFloat {
      guard !isBig || hasFloat else {
        throw meter.fail("arithmetic with integers beyond 64 bits is not supported")
      }
      return try floats(a, operation, b)
    }
    throw meter.fail("\(left.typeName) and \(right.typeName) do not go with this operator")
  }

  private func isFormatting(_ left: JinjaValue, _ operation: JinjaArithmetic.Operator) -> Bool {
    if case .text = left { operation == .modulo } else { false }
  }

  /// `a + b`: where one is `Markup`, the other is escaped.
  func join(_ a: JinjaString, _ b: JinjaString) throws(JinjaError) -> JinjaString {
    let isMarkup = a.isMarkup || b.isMarkup
    if !isMarkup {
      if a.isEmpty { return b }
      if b.isEmpty { return a }
    }
    var result = JinjaStringBuilder(meter: meter)
    try result.append(isMarkup ? try JinjaMarkup.escaped(a, meter) : a)
    try result.append(isMarkup ? try JinjaMarkup.escaped(b, meter) : b)
    return result.finish(isMarkup: isMarkup)
  }

  /// A string, list or tuple so many times, nil where these are no such operands.
  private func repeated(
    _ left: JinjaValue, _ right: JinjaValue
  ) throws(JinjaError) -> JinjaValue? {
    if left.asInteger != nil, right.asInteger == nil { return try repeated(right, left) }
    guard let count = right.asInteger else { return nil }
    switch left {
    case .text(let text):
      var result = JinjaStringBuilder(meter: meter)
      try result.append(text, times: count)
      return .text(result.finish(isMarkup: text.isMarkup))
    case .sequence(let list): return try self.list(try repeated(list.items, count))
    case .tuple(let list): return try tuple(try repeated(list.items, count))
    default: return nil
    }
  }

  private func repeated(
    _ items: [JinjaValue], _ count: Int
  ) throws(JinjaError) -> [JinjaValue] {
    guard count > 0, !items.isEmpty else { return [] }
    let (total, isTooLarge) = items.count.multipliedReportingOverflow(by: count)
    try meter.expect(
      bytes: isTooLarge
        ? .max : total.multipliedReportingOverflow(by: 16).overflow ? .max : total * 16)
    try meter.spend(bytes: total * 16)
    var result: [JinjaValue] = []
    result.reserveCapacity(total)
    for _ in 0..<count { result += items }
    return result
  }

  // MARK: - Numbers

  private func integers(
    _ a: Int, _ operation: JinjaArithmetic.Operator, _ b: Int
  ) throws(JinjaError) -> JinjaValue {
    switch operation {
    case .add: return try integer(a.addingReportingOverflow(b))
    case .subtract: return try integer(a.subtractingReportingOverflow(b))
    case .multiply: return try integer(a.multipliedReportingOverflow(by: b))
    case .divide, .floorDivide, .modulo:
      guard b != 0 else { throw meter.fail("a division by zero") }
      if operation == .divide { return .float(try quotient(a, b)) }
      if operation == .floorDivide {
        let (quotient, overflow) = a.dividedReportingOverflow(by: b)
        guard !overflow else { return try integer((0, true)) }
        let rest = a % b
        return .integer(rest != 0 && (rest < 0) != (b < 0) ? quotient - 1 : quotient)
      }
      if b == -1 { return .integer(0) }
      let rest = a % b
      return .integer(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest)
    case .power:
      if b < 0 {
        guard a != 0 else { throw meter.fail("zero has no negative power") }
        return .float(pow(Double(a), Double(b)))
      }
      return try power(a, b)
    }
  }

  /// The quotient nearest to the exact one. Floats hold integers up to 2⁵³; beyond, the division is
  /// in greater width.
  private func quotient(_ a: Int, _ b: Int) throws(JinjaError) -> Double {
    if let x = Double(exactly: a), let y = Double(exactly: b) { return x / y }
    #if arch(x86_64)
      return Double(Float80(a) / Float80(b))
    #else
      return Double(a) / Double(b)
    #endif
  }

  private func power(_ base: Int, _ exponent: Int) throws(JinjaError) -> JinjaValue {
    var (result, factor, rest) = (1, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 {
        guard
          case .integer(let product) = try integer(result.multipliedReportingOverflow(by: factor))
        else { break }
        result = product
      }
      rest >>= 1
      if rest > 0 {
        guard
          case .integer(let square) = try integer(factor.multipliedReportingOverflow(by: factor))
        else { break }
        factor = square
      }
    }
    return .integer(result)
  }

  private func floats(
    _ a: Double, _ operation: JinjaArithmetic.Operator, _ b: Double
  ) throws(JinjaError) -> JinjaValue {
    switch operation {
    case .add: return .float(a + b)
    case .subtract: return .float(a - b)
    case .multiply: return .float(a * b)
    case .divide, .floorDivide, .modulo:
      guard b != 0 else { throw meter.fail("a division by zero") }
      if operation == .divide { return .float(a / b) }
      let (quotient, rest) = Self.divided(a, b)
      return .float(operation == .modulo ? rest : quotient)
    case .power:
      if a == 0, b < 0 { throw meter.fail("zero has no negative power") }
      if a < 0, a.isFinite, b.isFinite, b != b.rounded() {
        throw meter.fail("a root of a negative number")
      }
      let result = pow(a, b)
      guard result.isFinite || !a.isFinite || !b.isFinite else {
        throw meter.fail("a power beyond the range of floats")
      }
      return .float(result)
    }
  }

  /// Python's float `divmod`: the rest has the divisor's sign.
  private static func divided(_ a: Double, _ b: Double) -> (Double, Double) {
    var rest = fmod(a, b)
    var quotient = (a - rest) / b
    if rest != 0 {
      if (b < 0) != (rest < 0) {
        rest += b
        quotient -= 1
      }
    } else {
      rest = b < 0 ? -0.0 : 0
    }
    if quotient != 0 {
      let floor = quotient.rounded(.down)
      quotient = quotient - floor > 0.5 ? floor + 1 : floor
    } else {
      quotient = (a < 0) != (b < 0) ? -0.0 : 0
    }
    return (quotient, rest)
  }
}
