/// Gives every variable of a parsed template its place, and finds what Jinja2 refuses before it
/// renders: unknown filters and tests (unless an `if` or inline if stands directly around them,
/// then they fail only when they are reached), `break` outside a loop, a loop that sets `loop`.
struct JinjaResolver {
  /// What holds at a place of the template.
  private struct Context {
    var scope: JinjaScope
    /// Directly inside an `if`, where an unknown filter waits until it is reached.
    var isSoft = false
    /// Inside a loop of the same function.
    var isInLoop = false

    func inner(_ scope: JinjaScope) -> Context {
      Context(
        scope: scope, isInLoop: isInLoop && scope.function === self.scope.function)
    }
  }

  /// The template's own scope and the size of its frame.
  static func resolve(
    _ statements: [JinjaStatement]
  ) throws(JinjaError) -> (entry: JinjaScopeEntry, size: Int) {
    if JinjaNames(["self"], in: statements).read.contains("self") {
      throw .syntax(line: 1, reason: "'self' is for blocks, which a chat template cannot have")
    }
    var scope = JinjaScope()
    scope.analyze(statements)
    try visit(statements, Context(scope: scope))
    return (scope.entry, scope.function.size)
  }

  private static func visit(
    _ statements: [JinjaStatement], _ context: Context
  ) throws(JinjaError) {
    for statement in statements { try visit(statement, context) }
  }

  private static func visit(
    _ statement: JinjaStatement, _ context: Context
  ) throws(JinjaError) {
    switch statement {
    case .text, .refused: break
    case .breakLoop(let line), .continueLoop(let line):
      guard context.isInLoop else {
        throw .syntax(line: line, reason: "break and continue stand in loops only")
      }
    case .print(let expression, _): try visit(expression, context)
    case .condition(let condition):
      var soft = context
      soft.isSoft = true
      for branch in condition.branches {
        try visit(branch.condition, soft)
        try visit(branch.body, soft)
      }
      try visit(condition.otherwise, soft)
    case .loop(let loop): try visit(loop, context)
    case .assignment(let assignment):
      try visit(assignment.value, context)
      visit(assignment.target, context)
    case .captured(let capture):
      var scope = JinjaScope(inside: context.scope)
      scope.analyze(capture.body)
      if let filter = capture.filter { scope.analyze(filter) }
      capture.entry = scope.entry
      let inner = context.inner(scope)
      try visit(capture.body, inner)
      if let filter = capture.filter { try visit(filter, inner) }
      visit(capture.target, context)
    case .macro(let macro):
      try visit(macro, context)
      place(macro.target, context)
    case .generation(let block): try visit(block, context)
    case .call(let block):
      try visit(block.caller, context)
      try visit(.call(block.call), context)
    case .filtered(let block):
      var scope = JinjaScope(inside: context.scope)
      scope.analyze(block.body)
      scope.analyze(block.filter)
      block.entry = scope.entry
      try visit(block.body, context.inner(scope))
      try visit(block.filter, context.inner(scope))
    case .with(let block):
      var scope = JinjaScope(inside: context.scope)
      for (target, _) in block.targets { scope.analyze(target, isParameter: true) }
      scope.analyze(block.body)
      block.entry = scope.entry
      for (target, value) in block.targets {
        try visit(value, context)
        visit(target, context.inner(scope))
      }
      try visit(block.body, context.inner(scope))
    case .scope(let block):
      var scope = JinjaScope(inside: context.scope)
      scope.analyze(block.body)
      block.entry = scope.entry
      try visit(block.body, context.inner(scope))
    }
  }

  private static func visit(_ loop: JinjaFor, _ context: Context) throws(JinjaError) {
    var names = JinjaNames(["loop"], in: loop.body)
    let usesLoop = loop.isRecursive || names.read.contains("loop")
    names.visit(loop.target)
    if let line = names.setsLoop ?? JinjaNames([], in: loop.otherwise).setsLoop {
      throw .syntax(line: line, reason: "a loop cannot set its special variable 'loop'")
    }
    let function = loop.isRecursive ? context.scope.newFunction() : nil
    var body = JinjaScope(inside: context.scope, function: function)
    if usesLoop { body.declareParameter("loop") }
    body.analyze(loop.target, isParameter: true)
    body.analyze(loop.body)
    var otherwise = JinjaScope(inside: context.scope, function: function)
    otherwise.analyze(loop.otherwise)

    try visit(loop.items, context)
    if let test = loop.test {
      var scope = JinjaScope(inside: context.scope, function: context.scope.newFunction())
      scope.analyze(loop.testTarget, isParameter: true)
      scope.analyze(test)
      visit(loop.testTarget, context.inner(scope))
      try visit(test, context.inner(scope))
      loop.testEntry = scope.entry
      loop.testSize = scope.function.size
    }
    var inner = context.inner(body)
    inner.isInLoop = true
    visit(loop.target, inner)
    try visit(loop.body, inner)
    try visit(loop.otherwise, context.inner(otherwise))
    loop.bodyEntry = body.entry
    loop.otherwiseEntry = otherwise.entry
    loop.loopSlot = usesLoop ? body.reference(to: "loop")?.slot : nil
    loop.size = function?.size ?? 0
  }

  private static func visit(
    _ macro: JinjaMacroDefinition, _ context: Context
  ) throws(JinjaError) {
    var scope = JinjaScope(inside: context.scope, function: context.scope.newFunction())
    func analyze() {
      for parameter in macro.parameters { scope.declareParameter(parameter.name) }
      for value in macro.defaults { scope.analyze(value) }
      scope.analyze(macro.body)
    }
    analyze()
    let special = JinjaNames(["caller", "kwargs", "varargs"], in: macro.body).read
    func isParameter(_ name: String) -> Bool { macro.parameters.contains { $0.name == name } }
    if let index = macro.parameters.firstIndex(where: { $0.name == "caller" }) {
      guard !special.contains("caller") || index >= macro.parameters.count - macro.defaults.count
      else {
        throw .syntax(line: macro.line, reason: "the parameter 'caller' needs a default")
      }
    }
    for name in special where !isParameter(name) { scope.declareParameter(name) }
    analyze()
    func slot(_ name: String) -> Int? {
      special.contains(name) && !isParameter(name) ? scope.reference(to: name)?.slot : nil
    }
    macro.callerSlot = slot("caller")
    macro.keywordsSlot = slot("kwargs")
    macro.extraSlot = slot("varargs")
    let inner = context.inner(scope)
    for parameter in macro.parameters { place(parameter, inner) }
    for value in macro.defaults { try visit(value, inner) }
    try visit(macro.body, inner)
    macro.entry = scope.entry
    macro.size = scope.function.size
  }

  // MARK: - Variables

  private static func place(_ variable: JinjaVariable, _ context: Context) {
    guard let reference = context.scope.reference(to: variable.name) else { return }
    variable.slot = context.scope.slot(of: reference)
  }

  private static func visit(_ target: JinjaTarget, _ context: Context) {
    switch target {
    case .variable(let variable), .attribute(let variable, _): place(variable, context)
    case .tuple(let targets, _): for target in targets { visit(target, context) }
    }
  }

  private static func visit(
    _ expression: JinjaExpression, _ context: Context
  ) throws(JinjaError) {
    var soft = context
    switch expression {
    case .variable(let variable): return place(variable, context)
    case .filter(let filter):
      guard context.isSoft || filter.body != nil else {
        throw .syntax(line: filter.line, reason: "there is no filter '\(filter.name)'")
      }
    case .test(let test):
      guard context.isSoft || test.body != nil else {
        throw .syntax(line: test.line, reason: "there is no test '\(test.name)'")
      }
    case .conditional: soft.isSoft = true
    default: break
    }
    var parts: [JinjaExpression] = []
    expression.forEachPart { parts.append($0) }
    for part in parts { try visit(part, soft) }
  }
}
