/// Makes statements of tokens: recursive descent by Jinja2's grammar, with a limit of nesting.
struct JinjaParser {
  let tokens: [JinjaToken]
  var position = 0
  private var depth = 0
  /// Text and string literals of the template, in order.
  var literals: [String] = []
  var usesGeneration = false

  init(source: String) throws(JinjaError) { tokens = try JinjaLexer.tokens(of: source) }

  mutating func parseTemplate() throws(JinjaError) -> [JinjaStatement] {
    let statements = try statements(until: [])
    guard case .end = current.kind else { throw unexpected }
    return statements
  }

  // MARK: - Tokens

  var current: JinjaToken { tokens[position] }
  var next: JinjaToken { tokens[min(position + 1, tokens.count - 1)] }

  mutating func advance() { position = min(position + 1, tokens.count - 1) }

  func fail(_ reason: String, line: Int? = nil) -> JinjaError {
    .syntax(line: line ?? current.line, reason: reason)
  }

  var unexpected: JinjaError { fail("unexpected \(current.description)") }

  func isSymbol(_ symbol: JinjaToken.Symbol) -> Bool { current.kind == .symbol(symbol) }
  func isName(_ name: String) -> Bool { current.kind == .name(name) }

  mutating func skip(_ symbol: JinjaToken.Symbol) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func skip(name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: JinjaToken.Symbol) throws(JinjaError) {
    guard skip(symbol) else {
      throw fail("expected '\(symbol.rawValue)', found \(current.description)")
    }
  }

  mutating func expect(name: String) throws(JinjaError) {
    guard skip(name: name) else { throw fail("expected '\(name)', found \(current.description)") }
  }

  mutating func expectName() throws(JinjaError) -> String {
    guard case .name(let name) = current.kind else {
      throw fail("expected a name, found \(current.description)")
    }
    advance()
    return name
  }

  mutating func expectBlockEnd() throws(JinjaError) {
    guard case .blockEnd = current.kind else {
      throw fail("expected %}, found \(current.description)")
    }
    advance()
  }

  /// Runs one level deeper.
  mutating func nested<T>(
    _ body: (inout JinjaParser) throws(JinjaError) -> T
  ) throws(JinjaError) -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= JinjaLimits.sourceDepth else {
      throw .limit(
        line: current.line,
        reason: "expressions and blocks nest deeper than \(JinjaLimits.sourceDepth)")
    }
    return try body(&self)
  }

  // MARK: - Statements

  /// Statements up to a tag of one of these names, which becomes the current token.
  mutating func statements(until ends: [String]) throws(JinjaError) -> [JinjaStatement] {
    var result: [JinjaStatement] = []
    while true {
      switch current.kind {
      case .data(let text):
        literals.append(text)
        result.append(.text(JinjaString(text)))
        advance()
      case .printBegin:
        let line = current.line
        advance()
        let expression = try expressionOrTuple()
        guard case .printEnd = current.kind else {
          throw fail("expected }}, found \(current.description)")
        }
        advance()
        result.append(.print(expression, line: line))
      case .blockBegin:
        advance()
        if case .name(let name) = current.kind, ends.contains(name) { return result }
        let parsed = try nested { (parser) throws(JinjaError) in try parser.statement() }
        result += parsed
        try expectBlockEnd()
      case .end:
        if ends.isEmpty { return result }
        throw fail("the template ends before {% \(ends.last ?? "") %}")
      default: throw unexpected
      }
    }
  }

  /// The body of a statement, after the rest of its tag; a colon before the tag's end is allowed.
  mutating func body(until ends: [String]) throws(JinjaError) -> [JinjaStatement] {
    _ = skip(.colon)
    try expectBlockEnd()
    return try statements(until: ends)
  }

  /// The body of a statement that has only one end, which is passed.
  mutating func wholeBody(until end: String) throws(JinjaError) -> [JinjaStatement] {
    let statements = try body(until: [end])
    advance()
    return statements
  }
}
