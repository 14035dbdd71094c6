/// One rendering of a template: what its statements and expressions share.
final class JinjaRender {
  let meter: JinjaMeter
  let now: JinjaClock
  private let variables: [String: JinjaValue]
  /// What may hold itself: cleared at the end.
  private var keptFrames: [JinjaFrame] = []
  private(set) var namespaces: [JinjaNamespace] = []

  init(meter: JinjaMeter, now: JinjaClock, variables: [String: JinjaValue]) {
    self.meter = meter
    self.now = now
    self.variables = variables
  }

  /// Lets go what holds itself.
  func close() {
    for frame in keptFrames { frame.slots = Array(repeating: nil, count: frame.slots.count) }
    for namespace in namespaces {
      namespace.names = []
      namespace.values = []
    }
  }

  func keep(_ frame: JinjaFrame) {
    if frame.isKept { return }
    frame.isKept = true
    meter.allocate(128 + 32 * frame.slots.count)
    keptFrames.append(frame)
  }

  func makeNamespace() -> JinjaNamespace {
    let namespace = JinjaNamespace()
    meter.allocate(256)
    namespaces.append(namespace)
    return namespace
  }

  /// A caller's variable, or a function of the environment.
  func variable(_ name: String) -> JinjaValue? { variables[name] ?? JinjaGlobals.named[name] }

  func enter(_ entry: JinjaScopeEntry, _ frame: JinjaFrame) {
    for load in entry.loads {
      switch load {
      case .named(let name, let slot): frame.slots[slot] = variable(name)
      case .copied(let outer, let slot): frame.slots[slot] = frame[outer]
      case .empty(let slot): frame.slots[slot] = nil
      }
    }
  }

  func leave(_ entry: JinjaScopeEntry, _ frame: JinjaFrame) {
    for slot in entry.clears { frame.slots[slot] = nil }
  }

  // MARK: - Values

  /// A list, refused where it nests too deeply.
  func list(_ items: [JinjaValue]) throws(JinjaError) -> JinjaValue {
    .sequence(try checked(JinjaList(items, meter: meter)))
  }

  func tuple(_ items: [JinjaValue], names: [String] = []) throws(JinjaError) -> JinjaValue {
    .tuple(try checked(JinjaList(items, names: names, meter: meter)))
  }

  private func checked(_ list: JinjaList) throws(JinjaError) -> JinjaList {
    try check(depth: list.depth)
    return list
  }

  func dictionary(_ entries: [(JinjaValue, JinjaValue)]) throws(JinjaError) -> JinjaValue {
    for (key, _) in entries where !key.isHashable {
      throw meter.fail("\(key.typeName) cannot be a key of a dictionary")
    }
    let dictionary = JinjaDictionary(entries, meter: meter)
    try check(depth: dictionary.depth)
    return .mapping(dictionary)
  }

  func iterator(
    over source: JinjaValue, _ next: @escaping () throws(JinjaError) -> JinjaValue?
  ) throws(JinjaError) -> JinjaValue {
    let iterator = JinjaIterator(over: source, next: next)
    try check(depth: iterator.depth)
    return .object(iterator)
  }

  private func check(depth: Int) throws(JinjaError) {
    if depth > meter.limits.valueDepth {
      throw .limit(
        line: meter.line,
        reason: "lists and dictionaries nest deeper than \(meter.limits.valueDepth)")
    }
  }

  func text(_ text: String) -> JinjaValue { .text(JinjaString(text, meter: meter)) }

  func integer(_ value: (partialValue: Int, overflow: Bool)) throws(JinjaError) -> JinjaValue {
    guard !value.overflow else {
      throw meter.fail("an integer beyond 64 bits, which is not supported")
    }
    return .integer(value.partialValue)
  }
}
