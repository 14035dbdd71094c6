/// Which of some names statements read before they set them anywhere, inner scopes included:
/// whether a loop needs `loop`, a macro `caller`, `kwargs` or `varargs`.
struct JinjaNames {
  private var wanted: Set<String>
  private(set) var read: Set<String> = []
  /// Whether one of the statements sets `loop`, and in which line.
  private(set) var setsLoop: Int?

  init(_ wanted: Set<String>, in statements: [JinjaStatement]) {
    self.wanted = wanted
    visit(statements)
  }

  private mutating func visit(_ statements: [JinjaStatement]) {
    for statement in statements { visit(statement) }
  }

  private mutating func visit(_ statement: JinjaStatement) {
    switch statement {
    case .text, .breakLoop, .continueLoop, .refused: break
    case .print(let expression, _): visit(expression)
    case .condition(let condition):
      for branch in condition.branches {
        visit(branch.condition)
        visit(branch.body)
      }
      visit(condition.otherwise)
    case .loop(let loop):
      visit(loop.target)
      visit(loop.items)
      visit(loop.body)
      visit(loop.otherwise)
      if let test = loop.test { visit(test) }
    case .assignment(let assignment):
      visit(assignment.target)
      visit(assignment.value)
    case .captured(let capture):
      visit(capture.target)
      if let filter = capture.filter { visit(filter) }
      visit(capture.body)
    case .macro(let macro), .generation(let macro): visit(macro)
    case .call(let block):
      visit(.call(block.call))
      visit(block.caller)
    case .filtered(let block):
      visit(block.body)
      visit(block.filter)
    case .with(let block):
      for (target, _) in block.targets { visit(target) }
      for (_, value) in block.targets { visit(value) }
      visit(block.body)
    case .scope(let block): visit(block.body)
    }
  }

  private mutating func visit(_ macro: JinjaMacroDefinition) {
    for parameter in macro.parameters { wanted.remove(parameter.name) }
    for value in macro.defaults { visit(value) }
    visit(macro.body)
  }

  mutating func visit(_ target: JinjaTarget) {
    switch target {
    case .variable(let variable):
      wanted.remove(variable.name)
      if variable.name == "loop" { setsLoop = setsLoop ?? variable.line }
    case .attribute: break
    case .tuple(let targets, _): for target in targets { visit(target) }
    }
  }

  private mutating func visit(_ expression: JinjaExpression) {
    var names: [String] = []
    expression.forEachVariable { names.append($0.name) }
    for name in names {
      if wanted.contains(name) { read.insert(name) } else { wanted.remove(name) }
    }
  }
}
