/// Running a template so that prefixes of a list come along: see `JinjaPrefixes`.
extension JinjaRender {
  /// Where a loop of the template itself stands: what gathers prefixes, and the statements that come behind, innermost first.
  struct Fork {
    let prefixes: JinjaPrefixes
    let rest: [[JinjaStatement]]
  }

  /// Runs statements of the template itself, or of a branch of a condition there.
  func run(
    _ statements: [JinjaStatement], _ frame: JinjaFrame, into output: inout JinjaStringBuilder,
    fork: Fork
  ) throws(JinjaError) -> Flow {
    for (index, statement) in statements.enumerated() {
      let behind = Fork(
        prefixes: fork.prefixes, rest: [Array(statements[(index + 1)...])] + fork.rest)
      let flow: Flow
      switch statement {
      case .condition(let condition):
        try meter.enter()
        try meter.step()
        flow = try run(try branch(of: condition, frame), frame, into: &output, fork: behind)
        meter.leave()
      case .loop(let loop):
        try meter.enter()
        try meter.step()
        flow = try run(loop, frame, into: &output, fork: behind)
        meter.leave()
      default: flow = try run([statement], frame, into: &output)
      }
      if flow != .normal { return flow }
    }
    return .normal
  }

  /// Before `loop` asks for its item `count`: what is written if there is none.
  func fork(
    _ fork: Fork, at count: Int, of loop: JinjaFor, isEmpty: Bool, _ frame: JinjaFrame,
    behind output: JinjaStringBuilder
  ) {
    guard fork.prefixes.isOpen(count), canPutBack(frame, without: loop.loopSlot) else { return }
    // There `loop` may be looked at once more.
    guard !isEmpty || loop.otherwise.isEmpty || loop.loopSlot == nil else { return }
    let (slots, mark, kept) = (frame.slots, meter.mark, namespaces.map { ($0.names, $0.values) })
    defer {
      frame.slots = slots
      meter.goBack(to: mark)
      for (namespace, (names, values)) in zip(namespaces, kept) {
        namespace.names = names
        namespace.values = values
      }
    }
    fork.prefixes.end(at: count, behind: output.bytes.count) { () throws(JinjaError) in
      var text = JinjaStringBuilder(meter: meter)
      _ = try finish(loop, isEmpty: isEmpty, frame, into: &text)
      if let slot = loop.loopSlot { frame.slots[slot] = nil }
      for statements in fork.rest { _ = try run(statements, frame, into: &text) }
      return text.finish().pieces()
    }
  }

  /// Whether a run of further statements can be undone: what changes must be namespaces and the frame itself, whose place
  /// `loopSlot` is cleared first.
  private func canPutBack(_ frame: JinjaFrame, without loopSlot: Int?) -> Bool {
    func isFixed(_ value: JinjaValue) -> Bool {
      switch value {
      case .object(let object):
        object is JinjaNamespace || object is JinjaMacro || object is JinjaFunction
      case .sequence(let list), .tuple(let list): list.isGiven || list.items.allSatisfy(isFixed)
      case .mapping(let dictionary): dictionary.isGiven || dictionary.values.allSatisfy(isFixed)
      default: true
      }
    }
    return frame.slots.indices.allSatisfy { $0 == loopSlot || frame.slots[$0].map(isFixed) ?? true }
      && namespaces.allSatisfy { $0.values.allSatisfy(isFixed) }
  }
}
