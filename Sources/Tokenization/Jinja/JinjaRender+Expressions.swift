/// Evaluating expressions.
extension JinjaRender {
  func evaluate(
    _ expression: JinjaExpression, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    try meter.step()
    switch expression {
    case .constant(let value): return value
    case .variable(let variable): return frame[variable.slot] ?? .missing(variable.undefined)
    default: break
    }
    try meter.enter()
    let value = try evaluateParts(expression, frame)
    meter.leave()
    return value
  }

  private func evaluateParts(
    _ expression: JinjaExpression, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    switch expression {
    case .attribute(let attribute):
      let object = try evaluate(attribute.object, frame)
      meter.line = attribute.line
      return try self.attribute(of: object, attribute)
    case .item(let item):
      let object = try evaluate(item.object, frame)
      let key = try evaluate(item.key, frame)
      meter.line = item.line
      return try self.item(of: object, key, undefined: item.undefined)
    case .slice(let slice): return try evaluate(slice, frame)
    case .call(let call): return try evaluate(call, frame, caller: nil)
    case .filter(let filter):
      guard let value = filter.value else { throw meter.fail("a filter without a value") }
      return try apply(filter, to: try evaluate(value, frame), frame)
    case .test(let test): return .bool(try evaluate(test, frame))
    case .arithmetic(let arithmetic): return try evaluate(arithmetic, frame)
    case .sign(let sign): return try evaluate(sign, frame)
    case .concatenation(let group): return try concatenate(group, frame)
    case .comparison(let comparison): return .bool(try evaluate(comparison, frame))
    case .and(let group): return try evaluate(group, frame, until: false)
    case .or(let group): return try evaluate(group, frame, until: true)
    case .not(let group): return .bool(try !evaluate(group.items[0], frame).isTrue)
    case .conditional(let conditional): return try evaluate(conditional, frame)
    case .list(let group): return try list(try evaluate(group, frame))
    case .tuple(let group): return try tuple(try evaluate(group, frame))
    case .dictionary(let pairs): return try evaluate(pairs, frame)
    case .constant, .variable: return .none
    }
  }

  // MARK: - Groups

  private func evaluate(
    _ group: JinjaGroup, _ frame: JinjaFrame
  ) throws(JinjaError) -> [JinjaValue] {
    var values: [JinjaValue] = []
    values.reserveCapacity(group.items.count)
    for item in group.items { values.append(try evaluate(item, frame)) }
    return values
  }

  /// The first operand that is true, or false; else the last one.
  private func evaluate(
    _ group: JinjaGroup, _ frame: JinjaFrame, until: Bool
  ) throws(JinjaError) -> JinjaValue {
    var value = JinjaValue.none
    for item in group.items {
      value = try evaluate(item, frame)
      if value.isTrue == until { break }
    }
    return value
  }

  private func concatenate(
    _ group: JinjaGroup, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    var text = JinjaStringBuilder(meter: meter)
    for item in group.items { try text.append(try evaluate(item, frame).string(meter)) }
    return .text(text.finish())
  }

  private func evaluate(
    _ pairs: JinjaPairs, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    var entries: [(JinjaValue, JinjaValue)] = []
    for (key, value) in pairs.pairs {
      entries.append((try evaluate(key, frame), try evaluate(value, frame)))
    }
    meter.line = pairs.line
    return try dictionary(entries)
  }

  private func evaluate(
    _ conditional: JinjaConditional, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    if try evaluate(conditional.condition, frame).isTrue {
      return try evaluate(conditional.value, frame)
    }
    guard let other = conditional.other else { return .missing(conditional.undefined) }
    return try evaluate(other, frame)
  }

  // MARK: - Filters and tests

  private func apply(
    _ filter: JinjaFilterCall, to value: JinjaValue, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    let arguments = try evaluate(filter.arguments, frame)
    meter.line = filter.line
    guard let body = filter.body else { throw meter.fail("there is no filter '\(filter.name)'") }
    return try body(self, value, arguments)
  }

  /// A chain of filters whose innermost value is given.
  func apply(
    _ expression: JinjaExpression, to value: JinjaValue, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaValue {
    guard case .filter(let filter) = expression else { return value }
    var inner = value
    if let next = filter.value {
      try meter.enter()
      inner = try apply(next, to: value, frame)
      meter.leave()
    }
    return try apply(filter, to: inner, frame)
  }

  private func evaluate(_ test: JinjaTestCall, _ frame: JinjaFrame) throws(JinjaError) -> Bool {
    let value = try evaluate(test.value, frame)
    let arguments = try evaluate(test.arguments, frame)
    meter.line = test.line
    guard let body = test.body else { throw meter.fail("there is no test '\(test.name)'") }
    return try body(self, value, arguments)
  }

  // MARK: - Comparisons

  private func evaluate(
    _ comparison: JinjaComparison, _ frame: JinjaFrame
  ) throws(JinjaError) -> Bool {
    var left = try evaluate(comparison.first, frame)
    for (operation, operand) in comparison.rest {
      let right = try evaluate(operand, frame)
      meter.line = comparison.line
      guard try compare(left, operation, right) else { return false }
      left = right
    }
    return true
  }

  func compare(
    _ left: JinjaValue, _ operation: JinjaComparison.Operator, _ right: JinjaValue
  ) throws(JinjaError) -> Bool {
    switch operation {
    case .equal: return try JinjaValue.areEqual(left, right, meter)
    case .notEqual: return try !JinjaValue.areEqual(left, right, meter)
    case .less: return try JinjaValue.isLess(left, right, meter)
    case .greater: return try JinjaValue.isLess(right, left, meter)
    case .lessOrEqual: return try isLessOrEqual(left, right)
    case .greaterOrEqual: return try isLessOrEqual(right, left)
    case .isIn: return try contains(right, left)
    case .isNotIn: return try !contains(right, left)
    }
  }

  private func isLessOrEqual(_ a: JinjaValue, _ b: JinjaValue) throws(JinjaError) -> Bool {
    if try JinjaValue.isLess(a, b, meter) { return true }
    return try JinjaValue.areEqual(a, b, meter)
  }

  /// Python's `item in container`.
  func contains(_ container: JinjaValue, _ item: JinjaValue) throws(JinjaError) -> Bool {
    switch container {
    case .text(let text):
      guard case .text(let part) = item else {
        throw meter.fail("\(item.typeName) cannot be in a string: only a string can")
      }
      return try text.contains(part, meter)
    case .mapping(let dictionary): return try hasKey(dictionary, item)
    case .object(let object):
      if let range = object as? JinjaRange, let value = item.asInteger {
        return range.contains(value)
      }
      if let view = object as? JinjaDictionaryView, view.kind == .keys {
        return try hasKey(view.dictionary, item)
      }
    default: break
    }
    if case .sequence(let list) = container {
      for candidate in list.items {
        try meter.step()
        if try JinjaValue.areEqual(candidate, item, meter) { return true }
      }
      return false
    }
    let iterator = try iterator(of: container)
    while let candidate = try iterator.next() {
      try meter.step()
      if try JinjaValue.areEqual(candidate, item, meter) { return true }
    }
    return false
  }

  private func hasKey(
    _ dictionary: JinjaDictionary, _ key: JinjaValue
  ) throws(JinjaError) -> Bool {
    guard key.isHashable else { throw meter.fail("\(key.typeName) cannot be a key") }
    return dictionary[key] != nil
  }
}
