/// Running statements.
extension JinjaRender {
  /// How a statement ends.
  enum Flow { case normal, breaks, continues }

  func run(
    _ statements: [JinjaStatement], _ frame: JinjaFrame, into output: inout JinjaStringBuilder
  ) throws(JinjaError) -> Flow {
    for statement in statements {
      switch statement {
      case .text(let text):
        try meter.step()
        try output.append(text)
      case .print(let expression, let line):
        meter.line = line
        try output.append(try evaluate(expression, frame).string(meter))
      default:
        try meter.enter()
        let flow = try run(statement, frame, into: &output)
        meter.leave()
        if flow != .normal { return flow }
      }
    }
    return .normal
  }

  private func run(
    _ statement: JinjaStatement, _ frame: JinjaFrame, into output: inout JinjaStringBuilder
  ) throws(JinjaError) -> Flow {
    try meter.step()
    switch statement {
    case .condition(let condition): return try run(condition, frame, into: &output)
    case .loop(let loop): return try run(loop, frame, into: &output)
    case .assignment(let assignment):
      meter.line = assignment.line
      try check(assignment.target, frame)
      try assign(try evaluate(assignment.value, frame), to: assignment.target, frame)
    case .captured(let capture): return try run(capture, frame)
    case .macro(let definition):
      keep(frame)
      meter.allocate(64)
      frame[definition.target.slot] = .object(JinjaMacro(definition: definition, frame: frame))
    case .call(let block):
      meter.line = block.call.line
      let caller = JinjaMacro(definition: block.caller, frame: frame)
      try output.append(try evaluate(block.call, frame, caller: caller).string(meter))
    case .filtered(let block): return try run(block, frame, into: &output)
    case .with(let block): return try run(block, frame, into: &output)
    case .scope(let block):
      enter(block.entry, frame)
      let flow = try run(block.body, frame, into: &output)
      leave(block.entry, frame)
      return flow
    case .generation(let block):
      let inner = JinjaFrame(size: block.size, parent: frame)
      enter(block.entry, inner)
      var text = JinjaStringBuilder(meter: meter)
      _ = try run(block.body, inner, into: &text)
      try output.append(text.finish().asGeneration(meter: meter))
    case .breakLoop: return .breaks
    case .continueLoop: return .continues
    case .refused(let line, let reason):
      meter.line = line
      throw meter.fail(reason)
    case .text, .print: break
    }
    return .normal
  }

  private func run(
    _ condition: JinjaIf, _ frame: JinjaFrame, into output: inout JinjaStringBuilder
  ) throws(JinjaError) -> Flow {
    try run(try branch(of: condition, frame), frame, into: &output)
  }

  /// The statements that a condition chooses.
  func branch(of condition: JinjaIf, _ frame: JinjaFrame) throws(JinjaError) -> [JinjaStatement] {
    for branch in condition.branches {
      meter.line = branch.line
      if try evaluate(branch.condition, frame).isTrue { return branch.body }
    }
    return condition.otherwise
  }

  private func run(_ capture: JinjaCapture, _ frame: JinjaFrame) throws(JinjaError) -> Flow {
    enter(capture.entry, frame)
    var text = JinjaStringBuilder(meter: meter)
    let flow = try run(capture.body, frame, into: &text)
    guard flow == .normal else { return flow }
    meter.line = capture.line
    var value = JinjaValue.text(text.finish())
    if let filter = capture.filter { value = try apply(filter, to: value, frame) }
    try assign(value, to: capture.target, frame)
    leave(capture.entry, frame)
    return .normal
  }

  private func run(
    _ block: JinjaFilterBlock, _ frame: JinjaFrame, into output: inout JinjaStringBuilder
  ) throws(JinjaError) -> Flow {
    enter(block.entry, frame)
    var text = JinjaStringBuilder(meter: meter)
    let flow = try run(block.body, frame, into: &text)
    guard flow == .normal else { return flow }
    meter.line = block.line
    let value = try apply(block.filter, to: .text(text.finish()), frame)
    try output.append(try value.string(meter))
    leave(block.entry, frame)
    return .normal
  }

  private func run(
    _ block: JinjaWith, _ frame: JinjaFrame, into output: inout JinjaStringBuilder
  ) throws(JinjaError) -> Flow {
    enter(block.entry, frame)
    meter.line = block.line
    for (target, value) in block.targets {
      try assign(try evaluate(value, frame), to: target, frame)
    }
    let flow = try run(block.body, frame, into: &output)
    leave(block.entry, frame)
    return flow
  }

  // MARK: - Assigning

  /// That what stands before a dot is a namespace, before the value is made.
  private func check(_ target: JinjaTarget, _ frame: JinjaFrame) throws(JinjaError) {
    switch target {
    case .variable: break
    case .attribute(let variable, _):
      guard case .object(let object) = frame[variable.slot], object is JinjaNamespace else {
        throw meter.fail(
          "'\(variable.name)' is no namespace: only a namespace's attributes can be set")
      }
    case .tuple(let targets, _): for target in targets { try check(target, frame) }
    }
  }

  func assign(
    _ value: JinjaValue, to target: JinjaTarget, _ frame: JinjaFrame
  ) throws(JinjaError) {
    switch target {
    case .variable(let variable): frame[variable.slot] = value
    case .attribute(let variable, let name):
      guard case .object(let object) = frame[variable.slot],
        let namespace = object as? JinjaNamespace
      else { throw meter.fail("'\(variable.name)' is no namespace") }
      try set(name, to: value, in: namespace)
    case .tuple(let targets, let line):
      meter.line = line
      try meter.enter()
      defer { meter.leave() }
      let values = try items(of: value, atMost: targets.count)
      guard values.count == targets.count else {
        throw meter.fail("\(targets.count) names are to be set, and there are not as many values")
      }
      for (target, value) in zip(targets, values) { try assign(value, to: target, frame) }
    }
  }

  func set(
    _ name: JinjaString, to value: JinjaValue, in namespace: JinjaNamespace
  ) throws(JinjaError) {
    if name.bytes.first == UInt8(ascii: "_") {
      throw meter.fail("a namespace's attribute cannot begin with an underscore: '\(name.text)'")
    }
    if namespace[name] == nil { meter.allocate(64) }
    namespace[name] = value
  }
}
