/// What follows a value: attributes, items, slices, calls, filters and tests.
extension JinjaParser {
  /// Each of them holds the value before it, so their number counts as nesting.
  private func check(_ height: inout Int) throws(JinjaError) {
    height += 1
    if height > JinjaLimits.sourceDepth {
      throw .limit(
        line: current.line,
        reason: "more than \(JinjaLimits.sourceDepth) attributes, calls and filters in a row")
    }
  }

  mutating func postfix(
    _ value: JinjaExpression, _ height: inout Int
  ) throws(JinjaError) -> JinjaExpression {
    var value = value
    while true {
      switch current.kind {
      case .symbol(.dot): value = try attribute(of: value)
      case .symbol(.openBracket): value = try item(of: value)
      case .symbol(.openParenthesis): value = try call(of: value)
      default: return value
      }
      try check(&height)
    }
  }

  mutating func filtersAndTests(
    _ value: JinjaExpression, _ height: inout Int
  ) throws(JinjaError) -> JinjaExpression {
    var value = value
    while true {
      switch current.kind {
      case .symbol(.pipe): value = try filter(of: value)
      case .name("is"): value = try test(of: value)
      case .symbol(.openParenthesis): value = try call(of: value)
      default: return value
      }
      try check(&height)
    }
  }

  private mutating func attribute(of value: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    advance()
    switch current.kind {
    case .name(let name):
      advance()
      return .attribute(JinjaAttribute(object: value, name: name, line: line))
    case .integer(let index):
      advance()
      return .item(JinjaItem(object: value, key: .constant(.integer(index)), line: line))
    default: throw fail("expected a name or a number, found \(current.description)")
    }
  }

  private mutating func item(of value: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    advance()
    var keys: [JinjaExpression] = []
    var slice: JinjaExpression?
    while !isSymbol(.closeBracket) {
      if !keys.isEmpty || slice != nil { try expect(.comma) }
      let start = isSymbol(.colon) ? nil : try expression()
      if skip(.colon) {
        slice = try restOfSlice(of: value, start: start, line: line)
      } else if let start {
        keys.append(start)
      }
    }
    advance()
    if let slice {
      guard keys.isEmpty else { throw fail("a slice among other indices", line: line) }
      return slice
    }
    let key: JinjaExpression = keys.count == 1 ? keys[0] : .tuple(JinjaGroup(keys, line: line))
    return .item(JinjaItem(object: value, key: key, line: line))
  }

  /// After a slice's first colon.
  private mutating func restOfSlice(
    of value: JinjaExpression, start: JinjaExpression?, line: Int
  ) throws(JinjaError) -> JinjaExpression {
    func isEnd() -> Bool { isSymbol(.closeBracket) || isSymbol(.comma) }
    let stop = isSymbol(.colon) || isEnd() ? nil : try expression()
    let step = skip(.colon) && !isEnd() ? try expression() : nil
    return .slice(JinjaSlice(object: value, start: start, stop: stop, step: step, line: line))
  }

  private mutating func call(of value: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    return .call(JinjaCall(callee: value, arguments: try arguments(), line: line))
  }

  mutating func arguments() throws(JinjaError) -> JinjaArgumentList {
    let line = current.line
    try expect(.openParenthesis)
    var result = JinjaArgumentList()
    var isFirst = true
    while !isSymbol(.closeParenthesis) {
      if !isFirst {
        try expect(.comma)
        if isSymbol(.closeParenthesis) { break }
      }
      isFirst = false
      let isOrdered: Bool
      if skip(.star) {
        isOrdered = result.list == nil && result.dictionary == nil
        result.list = try expression()
      } else if skip(.doubleStar) {
        isOrdered = result.dictionary == nil
        result.dictionary = try expression()
      } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
        isOrdered = result.dictionary == nil && !result.named.contains { $0.name == name }
        advance()
        advance()
        result.named.append((name: name, value: try expression()))
        try check(count: result.named.count)
      } else {
        isOrdered = result.list == nil && result.dictionary == nil && result.named.isEmpty
        result.positional.append(try expression())
      }
      guard isOrdered else { throw fail("arguments in a wrong order, or one twice", line: line) }
    }
    advance()
    return result
  }

  private mutating func dottedName() throws(JinjaError) -> String {
    var name = try expectName()
    while skip(.dot) { name += "." + (try expectName()) }
    return name
  }

  private mutating func filter(of value: JinjaExpression?) throws(JinjaError) -> JinjaExpression {
    advance()
    return try namedFilter(of: value)
  }

  private mutating func namedFilter(
    of value: JinjaExpression?
  ) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    let name = try dottedName()
    let arguments = isSymbol(.openParenthesis) ? try arguments() : JinjaArgumentList()
    return .filter(JinjaFilterCall(value: value, name: name, arguments: arguments, line: line))
  }

  /// Filters in a row; of a block's text where there is no value.
  mutating func filters(
    of value: JinjaExpression?, startsInline: Bool = false
  ) throws(JinjaError) -> JinjaExpression {
    var result = startsInline ? try namedFilter(of: value) : try filter(of: value)
    var height = 0
    while isSymbol(.pipe) {
      result = try filter(of: result)
      try check(&height)
    }
    return result
  }

  private mutating func test(of value: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    advance()
    let isNegated = skip(name: "not")
    let name = try dottedName()
    var arguments = JinjaArgumentList()
    if isSymbol(.openParenthesis) {
      arguments = try self.arguments()
    } else if beginsOperand {
      if isName("is") { throw fail("tests cannot be chained with is") }
      var height = 0
      let operand = try nested { (parser) throws(JinjaError) in
        try parser.postfix(try parser.primary(), &height)
      }
      arguments.positional = [operand]
    }
    let test = JinjaExpression.test(
      JinjaTestCall(value: value, name: name, arguments: arguments, line: line))
    return isNegated ? .not(JinjaGroup([test], line: line)) : test
  }

  private var beginsOperand: Bool {
    switch current.kind {
    case .name(let name): !["else", "or", "and"].contains(name)
    case .string, .integer, .bigInteger, .float, .symbol(.openBracket), .symbol(.openBrace): true
    default: false
    }
  }
}
