/// Which names statements read and set, in the order of their text. It stops where a scope of its
/// own begins.
extension JinjaScope {
  mutating func analyze(_ statements: [JinjaStatement]) {
    for statement in statements { analyze(statement) }
  }

  private mutating func analyze(_ statement: JinjaStatement) {
    switch statement {
    case .text, .breakLoop, .continueLoop, .refused, .scope: break
    // The body of a generation block is a function of its own.
    case .generation: break
    case .print(let expression, _): analyze(expression)
    case .condition(let condition): analyze(condition)
    case .loop(let loop): analyze(loop.items)
    case .assignment(let assignment):
      analyze(assignment.value)
      analyze(assignment.target)
    case .captured(let capture): analyze(capture.target)
    case .macro(let macro): store(macro.target.name)
    case .call(let block): analyze(.call(block.call))
    case .filtered(let block): analyze(block.filter)
    case .with(let block): for (_, value) in block.targets { analyze(value) }
    }
  }

  /// The first branch's condition is read before all; later ones, with their bodies, are branches.
  private mutating func analyze(_ condition: JinjaIf) {
    guard let first = condition.branches.first else { return }
    analyze(first.condition)
    let body = branch { $0.analyze(first.body) }
    let others = branch { scope in
      for branch in condition.branches.dropFirst() {
        scope.analyze(branch.condition)
        let inner = scope.branch { $0.analyze(branch.body) }
        scope.merge([inner])
      }
    }
    let otherwise = branch { $0.analyze(condition.otherwise) }
    merge([body, others, otherwise])
  }

  mutating func analyze(_ target: JinjaTarget, isParameter: Bool = false) {
    switch target {
    case .variable(let variable):
      if isParameter { declareParameter(variable.name) } else { store(variable.name) }
    case .attribute(let variable, _): load(variable.name)
    case .tuple(let targets, _):
      for target in targets { analyze(target, isParameter: isParameter) }
    }
  }

  mutating func analyze(_ expression: JinjaExpression) {
    expression.forEachVariable { load($0.name) }
  }
}

extension JinjaExpression {
  /// All variables in it.
  func forEachVariable(_ body: (JinjaVariable) -> Void) {
    if case .variable(let variable) = self {
      body(variable)
    } else {
      forEachPart { $0.forEachVariable(body) }
    }
  }

  /// The expressions directly in it.
  func forEachPart(_ body: (JinjaExpression) -> Void) {
    switch self {
    case .constant, .variable: break
    case .attribute(let attribute): body(attribute.object)
    case .item(let item):
      body(item.object)
      body(item.key)
    case .slice(let slice):
      body(slice.object)
      for part in [slice.start, slice.stop, slice.step] { if let part { body(part) } }
    case .call(let call):
      body(call.callee)
      call.arguments.forEachPart(body)
    case .filter(let filter):
      if let value = filter.value { body(value) }
      filter.arguments.forEachPart(body)
    case .test(let test):
      body(test.value)
      test.arguments.forEachPart(body)
    case .arithmetic(let arithmetic):
      body(arithmetic.first)
      for (_, operand) in arithmetic.rest { body(operand) }
    case .sign(let sign): body(sign.operand)
    case .comparison(let comparison):
      body(comparison.first)
      for (_, operand) in comparison.rest { body(operand) }
    case .conditional(let conditional):
      body(conditional.condition)
      body(conditional.value)
      if let other = conditional.other { body(other) }
    case .concatenation(let group), .and(let group), .or(let group), .not(let group),
      .list(let group), .tuple(let group):
      group.items.forEach(body)
    case .dictionary(let pairs):
      for (key, value) in pairs.pairs {
        body(key)
        body(value)
      }
    }
  }
}

extension JinjaArgumentList {
  func forEachPart(_ body: (JinjaExpression) -> Void) {
    positional.forEach(body)
    for (_, value) in named { body(value) }
    if let list { body(list) }
    if let dictionary { body(dictionary) }
  }
}
