/// A statement of a template.
enum JinjaStatement: Sendable {
  case text(JinjaString)
  case print(JinjaExpression, line: Int)
  case condition(JinjaIf)
  case loop(JinjaFor)
  case assignment(JinjaAssignment)
  case captured(JinjaCapture)
  case macro(JinjaMacroDefinition)
  case call(JinjaCallBlock)
  case filtered(JinjaFilterBlock)
  case with(JinjaWith)
  /// A scope of its own that does nothing else: `{% autoescape false %}`.
  case scope(JinjaScopeBlock)
  case generation(JinjaMacroDefinition)
  case breakLoop(line: Int)
  case continueLoop(line: Int)
  /// What fails when it is reached: another template, which a chat template does not have.
  case refused(line: Int, reason: String)
}

/// What a scope does to its variables when it begins: places to fill from the caller's variables,
/// from an outer place, or with nothing; and the places to clear when it ends.
struct JinjaScopeEntry: Sendable {
  enum Load: Sendable {
    case named(String, into: Int)
    case copied(JinjaSlot, into: Int)
    case empty(into: Int)
  }

  var loads: [Load] = []
  var clears: [Int] = []
}

/// What can stand left of an assignment's `=`.
indirect enum JinjaTarget: Sendable {
  case variable(JinjaVariable)
  /// `namespace.name`.
  case attribute(JinjaVariable, name: JinjaString)
  case tuple([JinjaTarget], line: Int)
}

final class JinjaIf: Sendable {
  /// `if` and `elif` with their bodies, in order.
  let branches: [(condition: JinjaExpression, body: [JinjaStatement], line: Int)]
  let otherwise: [JinjaStatement]

  init(
    branches: [(condition: JinjaExpression, body: [JinjaStatement], line: Int)],
    otherwise: [JinjaStatement]
  ) {
    self.branches = branches
    self.otherwise = otherwise
  }
}

final class JinjaFor: @unchecked Sendable {
  let target: JinjaTarget
  let items: JinjaExpression
  /// The loop's own `if`, and the target as it sees it.
  let test: JinjaExpression?
  let testTarget: JinjaTarget
  let isRecursive: Bool
  let body: [JinjaStatement]
  let otherwise: [JinjaStatement]
  let line: Int

  // Written once by the resolver, before the template is used.
  var bodyEntry = JinjaScopeEntry()
  var otherwiseEntry = JinjaScopeEntry()
  /// The scope of the test; it is a function of its own.
  var testEntry = JinjaScopeEntry()
  var testSize = 0
  /// The place of `loop`, nil when the body does not use it.
  var loopSlot: Int?
  /// Places of a recursive loop's function.
  var size = 0

  init(
    target: JinjaTarget, items: JinjaExpression, test: JinjaExpression?, testTarget: JinjaTarget,
    isRecursive: Bool, body: [JinjaStatement], otherwise: [JinjaStatement], line: Int
  ) {
    self.target = target
    self.items = items
    self.test = test
    self.testTarget = testTarget
    self.isRecursive = isRecursive
    self.body = body
    self.otherwise = otherwise
    self.line = line
  }
}

final class JinjaAssignment: Sendable {
  let target: JinjaTarget
  let value: JinjaExpression
  let line: Int

  init(target: JinjaTarget, value: JinjaExpression, line: Int) {
    self.target = target
    self.value = value
    self.line = line
  }
}

/// `{% set target | filter %}…{% endset %}`. Its filters are a chain whose innermost value is the
/// text.
final class JinjaCapture: @unchecked Sendable {
  let target: JinjaTarget
  let filter: JinjaExpression?
  let body: [JinjaStatement]
  let line: Int
  var entry = JinjaScopeEntry()

  init(target: JinjaTarget, filter: JinjaExpression?, body: [JinjaStatement], line: Int) {
    self.target = target
    self.filter = filter
    self.body = body
    self.line = line
  }
}

/// A macro, the body of a call block (without a name) or of a generation block.
final class JinjaMacroDefinition: @unchecked Sendable {
  let name: String?
  let parameters: [JinjaVariable]
  /// Defaults of the last parameters.
  let defaults: [JinjaExpression]
  let body: [JinjaStatement]
  let line: Int

  // Written once by the resolver, before the template is used.
  /// The variable that a macro statement sets.
  let target: JinjaVariable
  var entry = JinjaScopeEntry()
  var size = 0
  /// Places of `caller`, `kwargs` and `varargs` where the body uses them.
  var callerSlot: Int?
  var keywordsSlot: Int?
  var extraSlot: Int?

  init(
    name: String?, parameters: [JinjaVariable], defaults: [JinjaExpression],
    body: [JinjaStatement], line: Int
  ) {
    self.name = name
    self.parameters = parameters
    self.defaults = defaults
    self.body = body
    self.line = line
    target = JinjaVariable(name: name ?? "caller", line: line)
  }
}

final class JinjaCallBlock: Sendable {
  let call: JinjaCall
  let caller: JinjaMacroDefinition

  init(call: JinjaCall, caller: JinjaMacroDefinition) {
    self.call = call
    self.caller = caller
  }
}

final class JinjaFilterBlock: @unchecked Sendable {
  let filter: JinjaExpression
  let body: [JinjaStatement]
  let line: Int
  var entry = JinjaScopeEntry()

  init(filter: JinjaExpression, body: [JinjaStatement], line: Int) {
    self.filter = filter
    self.body = body
    self.line = line
  }
}

final class JinjaWith: @unchecked Sendable {
  let targets: [(target: JinjaTarget, value: JinjaExpression)]
  let body: [JinjaStatement]
  let line: Int
  var entry = JinjaScopeEntry()

  init(targets: [(JinjaTarget, JinjaExpression)], body: [JinjaStatement], line: Int) {
    self.targets = targets.map { (target: $0.0, value: $0.1) }
    self.body = body
    self.line = line
  }
}

final class JinjaScopeBlock: @unchecked Sendable {
  let body: [JinjaStatement]
  var entry = JinjaScopeEntry()

  init(body: [JinjaStatement]) { self.body = body }
}
