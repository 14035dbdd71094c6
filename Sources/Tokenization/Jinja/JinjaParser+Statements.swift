/// Statements, after their `{%`.
extension JinjaParser {
  mutating func statement() throws(JinjaError) -> [JinjaStatement] {
    guard case .name(let name) = current.kind else {
      throw fail("expected the name of a statement, found \(current.description)")
    }
    let line = current.line
    advance()
    switch name {
    case "if": return [try ifStatement(line: line)]
    case "for": return [try forStatement(line: line)]
    case "set": return [try setStatement(line: line)]
    case "macro": return [.macro(try macroDefinition(line: line))]
    case "call": return [try callBlock(line: line)]
    case "filter": return [try filterBlock(line: line)]
    case "with": return [try withStatement(line: line)]
    case "print": return try printStatement(line: line)
    case "generation":
      usesGeneration = true
      let body = try wholeBody(until: "endgeneration")
      return [
        .generation(
          JinjaMacroDefinition(name: nil, parameters: [], defaults: [], body: body, line: line))
      ]
    case "break": return [.breakLoop(line: line)]
    case "continue": return [.continueLoop(line: line)]
    case "autoescape": return [try autoescape(line: line)]
    case "include", "import", "from", "extends": return [try otherTemplate(name, line: line)]
    case "block":
      throw fail(
        "blocks are for templates that extend others, which a chat template cannot", line: line)
    default: throw fail("unknown statement '\(name)'", line: line)
    }
  }

  private mutating func ifStatement(line: Int) throws(JinjaError) -> JinjaStatement {
    var branches: [(condition: JinjaExpression, body: [JinjaStatement], line: Int)] = []
    var branchLine = line
    while true {
      let condition = try expressionOrTuple(allowsConditional: false)
      let body = try body(until: ["elif", "else", "endif"])
      branches.append((condition, body, branchLine))
      branchLine = current.line
      if skip(name: "elif") { continue }
      if skip(name: "else") {
        let otherwise = try wholeBody(until: "endif")
        return .condition(JinjaIf(branches: branches, otherwise: otherwise))
      }
      advance()
      return .condition(JinjaIf(branches: branches, otherwise: []))
    }
  }

  private mutating func forStatement(line: Int) throws(JinjaError) -> JinjaStatement {
    let target = try target(allowsAttribute: false)
    try expect(name: "in")
    let items = try expressionOrTuple(allowsConditional: false)
    let test = skip(name: "if") ? try expression() : nil
    let isRecursive = skip(name: "recursive")
    let body = try body(until: ["else", "endfor"])
    var otherwise: [JinjaStatement] = []
    if skip(name: "else") { otherwise = try wholeBody(until: "endfor") } else { advance() }
    return .loop(
      JinjaFor(
        target: target, items: items, test: test, testTarget: target.copy(),
        isRecursive: isRecursive, body: body, otherwise: otherwise, line: line))
  }

  private mutating func setStatement(line: Int) throws(JinjaError) -> JinjaStatement {
    let target = try target(allowsAttribute: true)
    if skip(.assign) {
      return .assignment(
        JinjaAssignment(target: target, value: try expressionOrTuple(), line: line))
    }
    let filter = isSymbol(.pipe) ? try filters(of: nil) : nil
    let body = try wholeBody(until: "endset")
    return .captured(JinjaCapture(target: target, filter: filter, body: body, line: line))
  }

  func check(count: Int) throws(JinjaError) {
    if count > JinjaLimits.parameters {
      throw .limit(line: current.line, reason: "more than \(JinjaLimits.parameters) parameters")
    }
  }

  /// Names in parentheses with defaults.
  private mutating func signature() throws(JinjaError) -> ([JinjaVariable], [JinjaExpression]) {
    var parameters: [JinjaVariable] = []
    var defaults: [JinjaExpression] = []
    try expect(.openParenthesis)
    while !isSymbol(.closeParenthesis) {
      if !parameters.isEmpty { try expect(.comma) }
      let variable = try assignableName()
      if skip(.assign) {
        defaults.append(try expression())
      } else if !defaults.isEmpty {
        throw fail("a parameter without default follows one with default")
      }
      guard !parameters.contains(where: { $0.name == variable.name }) else {
        throw fail("the parameter '\(variable.name)' is there twice")
      }
      parameters.append(variable)
      try check(count: parameters.count)
    }
    advance()
    return (parameters, defaults)
  }

  private mutating func macroDefinition(line: Int) throws(JinjaError) -> JinjaMacroDefinition {
    let name = try assignableName().name
    let (parameters, defaults) = try signature()
    let body = try wholeBody(until: "endmacro")
    return JinjaMacroDefinition(
      name: name, parameters: parameters, defaults: defaults, body: body, line: line)
  }

  private mutating func callBlock(line: Int) throws(JinjaError) -> JinjaStatement {
    let (parameters, defaults) = isSymbol(.openParenthesis) ? try signature() : ([], [])
    guard case .call(let call) = try expression() else {
      throw fail("a call block needs a call", line: line)
    }
    let body = try wholeBody(until: "endcall")
    let caller = JinjaMacroDefinition(
      name: nil, parameters: parameters, defaults: defaults, body: body, line: line)
    return .call(JinjaCallBlock(call: call, caller: caller))
  }

  private mutating func filterBlock(line: Int) throws(JinjaError) -> JinjaStatement {
    let filter = try filters(of: nil, startsInline: true)
    let body = try wholeBody(until: "endfilter")
    return .filtered(JinjaFilterBlock(filter: filter, body: body, line: line))
  }

  private mutating func withStatement(line: Int) throws(JinjaError) -> JinjaStatement {
    var targets: [(JinjaTarget, JinjaExpression)] = []
    while current.kind != .blockEnd {
      if !targets.isEmpty { try expect(.comma) }
      let target = try target(allowsAttribute: false)
      try expect(.assign)
      targets.append((target, try expression()))
    }
    let body = try wholeBody(until: "endwith")
    return .with(JinjaWith(targets: targets, body: body, line: line))
  }

  private mutating func printStatement(line: Int) throws(JinjaError) -> [JinjaStatement] {
    var result: [JinjaStatement] = []
    while current.kind != .blockEnd {
      if !result.isEmpty { try expect(.comma) }
      result.append(.print(try expression(), line: line))
    }
    return result
  }

  private mutating func autoescape(line: Int) throws(JinjaError) -> JinjaStatement {
    guard case .constant(let value) = try expression(), !value.isTrue else {
      throw fail("autoescape is for HTML, and is not supported here", line: line)
    }
    return .scope(JinjaScopeBlock(body: try wholeBody(until: "endautoescape")))
  }

  /// Statements that load another template: read to their end, refused when they are reached.
  private mutating func otherTemplate(
    _ name: String, line: Int
  ) throws(JinjaError) -> JinjaStatement {
    while current.kind != .blockEnd {
      guard current.kind != .end else { throw fail("expected %}, found the end of the template") }
      advance()
    }
    return .refused(line: line, reason: "'\(name)' loads another template, and there is none")
  }

  // MARK: - Targets

  mutating func assignableName() throws(JinjaError) -> JinjaVariable {
    let line = current.line
    let name = try expectName()
    guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
      throw fail("cannot assign to '\(name)'", line: line)
    }
    return JinjaVariable(name: name, line: line)
  }

  /// What an assignment or loop sets: names, separated by commas, in parentheses or not.
  mutating func target(
    allowsAttribute: Bool, isNested: Bool = false
  ) throws(JinjaError) -> JinjaTarget {
    let line = current.line
    var targets: [JinjaTarget] = []
    var isTuple = false
    while true {
      if isTuple { try expect(.comma) }
      if endsTuple { break }
      targets.append(try singleTarget(allowsAttribute: allowsAttribute))
      guard isSymbol(.comma) else { break }
      isTuple = true
    }
    if !isTuple, let only = targets.first { return only }
    guard isNested || isTuple else { throw fail("expected a name, found \(current.description)") }
    return .tuple(targets, line: line)
  }

  private mutating func singleTarget(allowsAttribute: Bool) throws(JinjaError) -> JinjaTarget {
    if skip(.openParenthesis) {
      let inner = try nested { (parser) throws(JinjaError) in
        try parser.target(allowsAttribute: false, isNested: true)
      }
      try expect(.closeParenthesis)
      return inner
    }
    let variable = try assignableName()
    if allowsAttribute, skip(.dot) {
      return .attribute(variable, name: JinjaString(try expectName()))
    }
    return .variable(variable)
  }
}

extension JinjaTarget {
  /// The same target with variables of its own.
  func copy() -> JinjaTarget {
    switch self {
    case .variable(let variable):
      .variable(JinjaVariable(name: variable.name, line: variable.line))
    case .attribute(let variable, let name):
      .attribute(JinjaVariable(name: variable.name, line: variable.line), name: name)
    case .tuple(let targets, let line): .tuple(targets.map { $0.copy() }, line: line)
    }
  }
}
