/// Expressions. From the loosest to the tightest: inline if, `or`, `and`, `not`, comparisons, `+
/// -`, `~`, `* / // %`, `**`, signs, then attributes, items, calls, filters and tests.
extension JinjaParser {
  /// One expression, or a tuple of several with commas between them.
  mutating func expressionOrTuple(
    allowsConditional: Bool = true, inParentheses: Bool = false
  ) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    var items: [JinjaExpression] = []
    var isTuple = false
    while true {
      if isTuple { try expect(.comma) }
      if endsTuple { break }
      items.append(allowsConditional ? try expression() : try orExpression())
      guard isSymbol(.comma) else { break }
      isTuple = true
    }
    if !isTuple, let only = items.first { return only }
    guard isTuple || inParentheses else {
      throw fail("expected an expression, found \(current.description)")
    }
    return .tuple(JinjaGroup(items, line: line))
  }

  /// Where a comma may stand last. (Jinja2 means `in` and `recursive` to end a loop's tuple too,
  /// but they do not.)
  var endsTuple: Bool {
    switch current.kind {
    case .printEnd, .blockEnd, .symbol(.closeParenthesis): true
    default: false
    }
  }

  mutating func expression() throws(JinjaError) -> JinjaExpression {
    try nested { (parser) throws(JinjaError) in try parser.conditional() }
  }

  private mutating func conditional() throws(JinjaError) -> JinjaExpression {
    var value = try orExpression()
    while isName("if") {
      let line = current.line
      advance()
      let condition = try orExpression()
      let other = skip(name: "else") ? try expression() : nil
      value = .conditional(
        JinjaConditional(condition: condition, value: value, other: other, line: line))
      // Each one holds the one before, so their number is depth.
      if other == nil, isName("if") {
        let inner = value
        value = try nested { (parser) throws(JinjaError) in try parser.chained(inner) }
      }
    }
    return value
  }

  /// `a if b if c`: the conditional so far is the value of the next one.
  private mutating func chained(_ value: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    advance()
    let condition = try orExpression()
    let other = skip(name: "else") ? try expression() : nil
    let result = JinjaExpression.conditional(
      JinjaConditional(condition: condition, value: value, other: other, line: line))
    guard isName("if") else { return result }
    return try nested { (parser) throws(JinjaError) in try parser.chained(result) }
  }

  mutating func orExpression() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    var items = [try andExpression()]
    while skip(name: "or") { items.append(try andExpression()) }
    return items.count == 1 ? items[0] : .or(JinjaGroup(items, line: line))
  }

  private mutating func andExpression() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    var items = [try notExpression()]
    while skip(name: "and") { items.append(try notExpression()) }
    return items.count == 1 ? items[0] : .and(JinjaGroup(items, line: line))
  }

  private mutating func notExpression() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    var count = 0
    while skip(name: "not") { count += 1 }
    let operand = try comparison()
    if count == 0 { return operand }
    let negated = JinjaExpression.not(JinjaGroup([operand], line: line))
    return count % 2 == 1 ? negated : .not(JinjaGroup([negated], line: line))
  }

  private mutating func comparison() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    let first = try sum()
    var rest: [(JinjaComparison.Operator, JinjaExpression)] = []
    while let operation = comparisonOperator() { rest.append((operation, try sum())) }
    if rest.isEmpty { return first }
    return .comparison(JinjaComparison(first: first, rest: rest, line: line))
  }

  private mutating func comparisonOperator() -> JinjaComparison.Operator? {
    switch current.kind {
    case .symbol(.equal): return pass(.equal)
    case .symbol(.notEqual): return pass(.notEqual)
    case .symbol(.less): return pass(.less)
    case .symbol(.lessOrEqual): return pass(.lessOrEqual)
    case .symbol(.greater): return pass(.greater)
    case .symbol(.greaterOrEqual): return pass(.greaterOrEqual)
    case .name("in"): return pass(.isIn)
    case .name("not") where next.kind == .name("in"):
      advance()
      return pass(.isNotIn)
    default: return nil
    }
  }

  private mutating func pass<T>(_ result: T) -> T {
    advance()
    return result
  }

  private mutating func sum() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    let first = try concatenation()
    var rest: [(JinjaArithmetic.Operator, JinjaExpression)] = []
    while isSymbol(.plus) || isSymbol(.minus) {
      let operation: JinjaArithmetic.Operator = isSymbol(.plus) ? .add : .subtract
      advance()
      rest.append((operation, try concatenation()))
    }
    return rest.isEmpty ? first : .arithmetic(JinjaArithmetic(first: first, rest: rest, line: line))
  }

  private mutating func concatenation() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    var items = [try product()]
    while skip(.tilde) { items.append(try product()) }
    return items.count == 1 ? items[0] : .concatenation(JinjaGroup(items, line: line))
  }

  private mutating func product() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    let first = try power()
    var rest: [(JinjaArithmetic.Operator, JinjaExpression)] = []
    while let operation = productOperator() {
      advance()
      rest.append((operation, try power()))
    }
    return rest.isEmpty ? first : .arithmetic(JinjaArithmetic(first: first, rest: rest, line: line))
  }

  private func productOperator() -> JinjaArithmetic.Operator? {
    switch current.kind {
    case .symbol(.star): .multiply
    case .symbol(.slash): .divide
    case .symbol(.doubleSlash): .floorDivide
    case .symbol(.percent): .modulo
    default: nil
    }
  }

  /// `**` from the left, as Jinja2 parses it.
  private mutating func power() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    let first = try signed()
    var rest: [(JinjaArithmetic.Operator, JinjaExpression)] = []
    while skip(.doubleStar) { rest.append((.power, try signed())) }
    return rest.isEmpty ? first : .arithmetic(JinjaArithmetic(first: first, rest: rest, line: line))
  }

  /// A sign binds looser than attributes and calls of its operand, tighter than filters.
  private mutating func signed(allowsFilters: Bool = true) throws(JinjaError) -> JinjaExpression {
    let line = current.line
    var value: JinjaExpression
    if isSymbol(.minus) || isSymbol(.plus) {
      let isNegative = isSymbol(.minus)
      advance()
      let operand = try nested { (parser) throws(JinjaError) in
        try parser.signed(allowsFilters: false)
      }
      value = .sign(JinjaSign(isNegative: isNegative, operand: operand, line: line))
    } else {
      value = try primary()
    }
    var height = 0
    value = try postfix(value, &height)
    return allowsFilters ? try filtersAndTests(value, &height) : value
  }

  mutating func primary() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    switch current.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return .constant(.bool(true))
      case "false", "False": return .constant(.bool(false))
      case "none", "None": return .constant(.none)
      default: return .variable(JinjaVariable(name: name, line: line))
      }
    case .string(var text):
      advance()
      while case .string(let more) = current.kind {
        text += more
        advance()
      }
      literals.append(text)
      return .constant(.text(JinjaString(text)))
    case .integer(let value): return pass(.constant(.integer(value)))
    case .bigInteger(let digits): return pass(.constant(.bigInteger(digits: digits)))
    case .float(let value): return pass(.constant(.float(value)))
    case .symbol(.openParenthesis):
      advance()
      let inner = try nested { (parser) throws(JinjaError) in
        try parser.expressionOrTuple(inParentheses: true)
      }
      try expect(.closeParenthesis)
      return inner
    case .symbol(.openBracket): return try list()
    case .symbol(.openBrace): return try dictionary()
    default: throw unexpected
    }
  }

  private mutating func list() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    advance()
    var items: [JinjaExpression] = []
    while !isSymbol(.closeBracket) {
      if !items.isEmpty { try expect(.comma) }
      if isSymbol(.closeBracket) { break }
      items.append(try expression())
    }
    advance()
    return .list(JinjaGroup(items, line: line))
  }

  private mutating func dictionary() throws(JinjaError) -> JinjaExpression {
    let line = current.line
    advance()
    var pairs: [(JinjaExpression, JinjaExpression)] = []
    while !isSymbol(.closeBrace) {
      if !pairs.isEmpty { try expect(.comma) }
      if isSymbol(.closeBrace) { break }
      let key = try expression()
      try expect(.colon)
      pairs.append((key, try expression()))
    }
    advance()
    return .dictionary(JinjaPairs(pairs, line: line))
  }
}
