/// `for`.
extension JinjaRender {
  ///
  /// - Parameter fork: of a loop of the template itself, to find what it writes of the first items.
  func run(
    _ loop: JinjaFor, _ frame: JinjaFrame, into output: inout JinjaStringBuilder, fork: Fork? = nil
  ) throws(JinjaError) -> Flow {
    meter.line = loop.line
    let items = try evaluate(loop.items, frame)
    guard loop.isRecursive else {
      return try run(loop, over: items, frame, into: &output, fork: fork)
    }
    try output.append(try recurse(loop, frame, over: items, depth: 0))
    return .normal
  }

  /// The text of a recursive loop over some values.
  func recurse(
    _ loop: JinjaFor, _ frame: JinjaFrame, over items: JinjaValue, depth: Int
  ) throws(JinjaError) -> JinjaString {
    try meter.enter(2)
    defer { meter.leave(2) }
    try meter.spend(items: 8 + loop.size)
    let inner = JinjaFrame(size: loop.size, parent: frame)
    var text = JinjaStringBuilder(meter: meter)
    _ = try run(
      loop, over: items, inner, into: &text, depth: depth, recursive: (loop: loop, frame: frame))
    return text.finish()
  }

  private func run(
    _ loop: JinjaFor, over items: JinjaValue, _ frame: JinjaFrame,
    into output: inout JinjaStringBuilder, depth: Int = 0,
    recursive: (loop: JinjaFor, frame: JinjaFrame)? = nil, fork: Fork? = nil
  ) throws(JinjaError) -> Flow {
    var values = try iterator(of: items)
    // The test is defined around the loop's own function.
    if let test = loop.test {
      values = filtered(values, items, loop, test, frame: recursive?.frame ?? frame)
    }
    let context: JinjaLoop?
    if let slot = loop.loopSlot {
      let count = loop.test == nil && !gathers(items) ? length(of: items) : nil
      let made = JinjaLoop(
        values, count: count, depth0: depth, recursive: recursive, render: self)
      context = made
      meter.allocate(256)
      frame.slots[slot] = .object(made)
    } else {
      context = nil
    }
    defer {
      if let slot = loop.loopSlot {
        frame.slots[slot] = nil
        meter.free(256)
      }
    }
    let fork = loop.test == nil && gathers(items) ? fork : nil
    var isEmpty = true
    var count = 0
    while true {
      if let fork {
        self.fork(fork, at: count, of: loop, isEmpty: isEmpty, frame, behind: output)
        count += 1
      }
      guard let value = context == nil ? try values.next() : try context?.advance() else { break }
      try meter.step()
      try assign(value, to: loop.target, frame)
      enter(loop.bodyEntry, frame)
      let flow = try run(loop.body, frame, into: &output)
      if flow == .breaks { break }
      // As in Jinja2, a turn that `continue` ends does not count for `else`.
      if flow == .normal { isEmpty = false }
      meter.line = loop.line
    }
    return try finish(loop, isEmpty: isEmpty, frame, into: &output)
  }

  /// What comes behind a loop's last turn.
  func finish(
    _ loop: JinjaFor, isEmpty: Bool, _ frame: JinjaFrame, into output: inout JinjaStringBuilder
  ) throws(JinjaError) -> Flow {
    leave(loop.bodyEntry, frame)
    guard isEmpty, !loop.otherwise.isEmpty else { return .normal }
    enter(loop.otherwiseEntry, frame)
    let flow = try run(loop.otherwise, frame, into: &output)
    leave(loop.otherwiseEntry, frame)
    return flow
  }

  /// Whether it is a list of which prefixes are gathered.
  private func gathers(_ value: JinjaValue) -> Bool {
    if case .sequence(let list) = value { list.prefixes != nil } else { false }
  }

  /// The values that pass the loop's own `if`, which sees only the target.
  private func filtered(
    _ values: JinjaIterator, _ source: JinjaValue, _ loop: JinjaFor, _ test: JinjaExpression,
    frame: JinjaFrame
  ) -> JinjaIterator {
    let inner = JinjaFrame(size: loop.testSize, parent: frame)
    enter(loop.testEntry, inner)
    return JinjaIterator(over: source) { [self] () throws(JinjaError) in
      while let value = try values.next() {
        try assign(value, to: loop.testTarget, inner)
        if try evaluate(test, inner).isTrue { return value }
      }
      return nil
    }
  }

  // MARK: - Values one after the other

  static func iterator(over items: [JinjaValue]) -> JinjaIterator {
    var index = 0
    return JinjaIterator(over: .none) { () throws(JinjaError) in
      guard index < items.count else { return nil }
      index += 1
      return items[index - 1]
    }
  }

  /// Python's `iter`.
  func iterator(of value: JinjaValue) throws(JinjaError) -> JinjaIterator {
    switch value {
    case .object(let object):
      if let iterator = object as? JinjaIterator { return iterator }
      if let loop = object as? JinjaLoop {
        return JinjaIterator(over: .none) { [self] () throws(JinjaError) in
          try loop.advance().map { (value) throws(JinjaError) in
            try tuple([value, .object(loop)])
          }
        }
      }
      if let range = object as? JinjaRange {
        return Self.counted(range.count) { .integer(range[$0]) }
      }
      if let view = object as? JinjaDictionaryView {
        return Self.counted(view.dictionary.count) { [meter] in view.item($0, meter) }
      }
    case .text(let string):
      var offset = 0
      return JinjaIterator(over: .none) { [meter] () throws(JinjaError) in
        guard offset < string.bytes.count else { return nil }
        let start = offset
        _ = string.scalar(at: &offset)
        return .text(string.part(start..<offset, meter: meter))
      }
    case .missing: return Self.iterator(over: [])
    case .sequence(let list), .tuple(let list):
      var index = 0
      return JinjaIterator(over: .none) { () throws(JinjaError) in
        guard let item = list.item(index) else { return nil }
        index += 1
        return item
      }
    case .mapping(let dictionary): return Self.iterator(over: dictionary.keys)
    default: break
    }
    throw meter.fail("\(value.typeName) cannot be iterated")
  }

  private static func counted(
    _ count: Int, _ item: @escaping (Int) -> JinjaValue
  ) -> JinjaIterator {
    var index = 0
    return JinjaIterator(over: .none) { () throws(JinjaError) in
      guard index < count else { return nil }
      index += 1
      return item(index - 1)
    }
  }

  /// All values, or one more than `limit` where there are more.
  func items(of value: JinjaValue, atMost limit: Int = .max) throws(JinjaError) -> [JinjaValue] {
    switch value {
    case .sequence(let list), .tuple(let list): return list.items
    case .mapping(let dictionary): return dictionary.keys
    case .missing: return []
    default: break
    }
    let iterator = try iterator(of: value)
    var result: [JinjaValue] = []
    while result.count <= limit, let item = try iterator.next() {
      try meter.step()
      if result.count & 0xFFF == 0xFFF { try meter.expect(bytes: result.count * 32) }
      result.append(item)
    }
    return result
  }

  /// Python's `len`, nil for what has none.
  func length(of value: JinjaValue) -> Int? {
    switch value {
    case .missing: return 0
    case .text(let string): return string.count
    case .sequence(let list), .tuple(let list): return list.items.count
    case .mapping(let dictionary): return dictionary.count
    case .object(let object):
      if let range = object as? JinjaRange { return range.count }
      if let view = object as? JinjaDictionaryView { return view.dictionary.count }
      return nil
    default: return nil
    }
  }
}
