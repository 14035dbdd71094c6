/// A value with an identity: what changes, what can be called, what is made step by step. It never
/// leaves the rendering that made it, which happens on one thread.
class JinjaObject: @unchecked Sendable {
  /// Lists, dictionaries and iterators inside each other.
  var depth: Int { 0 }
  var typeName: String { "an object" }
  var isTrue: Bool { true }
  var isHashable: Bool { true }

  func isEqual(to other: JinjaObject) -> Bool { self === other }
}

/// `namespace(…)`: attributes that `set ns.x = …` changes from any scope.
final class JinjaNamespace: JinjaObject, @unchecked Sendable {
  var names: [JinjaString] = []
  var values: [JinjaValue] = []
  override var typeName: String { "a namespace" }

  subscript(name: JinjaString) -> JinjaValue? {
    get { names.firstIndex { $0 == name }.map { values[$0] } }
    set {
      guard let newValue else { return }
      if let place = names.firstIndex(where: { $0 == name }) {
        values[place] = newValue
      } else {
        names.append(name)
        values.append(newValue)
      }
    }
  }
}

/// A macro or the body of a call block, with the scope that it was defined in.
final class JinjaMacro: JinjaObject, @unchecked Sendable {
  let definition: JinjaMacroDefinition
  let frame: JinjaFrame
  override var typeName: String { "a macro" }

  init(definition: JinjaMacroDefinition, frame: JinjaFrame) {
    self.definition = definition
    self.frame = frame
  }
}

/// A global function of the environment.
final class JinjaFunction: JinjaObject, @unchecked Sendable {
  let name: String
  let body: @Sendable (JinjaRender, JinjaArguments) throws(JinjaError) -> JinjaValue
  override var typeName: String { "a function" }

  init(
    name: String,
    body: @escaping @Sendable (JinjaRender, JinjaArguments) throws(JinjaError) -> JinjaValue
  ) {
    self.name = name
    self.body = body
  }
}

/// A method together with the value that it belongs to.
final class JinjaBoundMethod: JinjaObject, @unchecked Sendable {
  let receiver: JinjaValue
  let method: JinjaMethod
  override var depth: Int { receiver.depth + 1 }
  override var typeName: String { "a method" }

  init(receiver: JinjaValue, method: JinjaMethod) {
    self.receiver = receiver
    self.method = method
  }

  override func isEqual(to other: JinjaObject) -> Bool {
    guard let other = other as? JinjaBoundMethod else { return false }
    return method == other.method && receiver.isSame(as: other.receiver)
  }
}

/// `range(…)`.
final class JinjaRange: JinjaObject, @unchecked Sendable {
  let start: Int
  let stop: Int
  let step: Int
  let count: Int
  override var typeName: String { "a range" }
  override var isTrue: Bool { count > 0 }

  /// - Parameter step: not 0.
  init(start: Int, stop: Int, step: Int) {
    self.start = start
    self.stop = stop
    self.step = step
    // In double width: the distance of two integers may need 65 bits.
    let distance = Double(stop) - Double(start)
    if (step > 0) != (distance > 0) || distance == 0 {
      count = 0
    } else if abs(distance) < 1e15 {
      count = (abs(stop - start) - 1) / Int(step.magnitude) + 1
    } else {
      count = Int(min(abs(distance) / Double(step.magnitude), 1e15)) + 1
    }
  }

  /// The item at an index below `count`.
  subscript(index: Int) -> Int { start &+ index &* step }

  func contains(_ value: Int) -> Bool {
    guard count > 0 else { return false }
    let last = self[count - 1]
    guard value >= min(start, last), value <= max(start, last) else { return false }
    return (value &- start) % step == 0
  }

  override func isEqual(to other: JinjaObject) -> Bool {
    guard let other = other as? JinjaRange, count == other.count else { return false }
    return count == 0 || (start == other.start && (count == 1 || step == other.step))
  }
}

/// What `keys()`, `values()` and `items()` of a dictionary give.
final class JinjaDictionaryView: JinjaObject, @unchecked Sendable {
  enum Kind: String { case keys, values, items }

  let dictionary: JinjaDictionary
  let kind: Kind
  override var depth: Int { dictionary.depth + 1 }
  override var typeName: String { "a view of a dictionary" }
  override var isTrue: Bool { dictionary.count > 0 }
  override var isHashable: Bool { kind == .values }

  init(_ dictionary: JinjaDictionary, _ kind: Kind) {
    self.dictionary = dictionary
    self.kind = kind
  }

  /// Keys are a set. Items are one too, but comparing them compares values: see `areEqual`.
  override func isEqual(to other: JinjaObject) -> Bool {
    guard let other = other as? JinjaDictionaryView else { return false }
    return self === other
      || kind == .keys && other.kind == .keys
        && Set(dictionary.keys.map(JinjaKey.init)) == Set(other.dictionary.keys.map(JinjaKey.init))
  }

  /// The item at an index.
  func item(_ index: Int, _ meter: JinjaMeter) -> JinjaValue {
    switch kind {
    case .keys: dictionary.keys[index]
    case .values: dictionary.values[index]
    case .items:
      .tuple(JinjaList([dictionary.keys[index], dictionary.values[index]], meter: meter))
    }
  }
}

/// What a filter such as `map` gives: values made one at a time, once.
final class JinjaIterator: JinjaObject, @unchecked Sendable {
  /// The next value, nil at the end.
  let next: () throws(JinjaError) -> JinjaValue?
  private let level: Int
  override var depth: Int { level }
  override var typeName: String { "an iterator" }

  /// - Parameter source: what the values are made from.
  init(over source: JinjaValue, next: @escaping () throws(JinjaError) -> JinjaValue?) {
    level = source.depth + 1
    self.next = next
  }
}

/// `cycler(…)`: values one after the other, from the first again after the last.
final class JinjaCycler: JinjaObject, @unchecked Sendable {
  let items: JinjaList
  var position = 0
  override var depth: Int { items.depth }
  override var typeName: String { "a cycler" }

  init(items: JinjaList) { self.items = items }
}

/// `joiner(…)`: nothing the first time it is called, the separator afterwards.
final class JinjaJoiner: JinjaObject, @unchecked Sendable {
  let separator: JinjaValue
  var isUsed = false
  override var depth: Int { separator.depth }
  override var typeName: String { "a joiner" }

  init(separator: JinjaValue) { self.separator = separator }
}

extension JinjaValue {
  /// Python's `is`. Equal numbers of one type count as the same, and strings of one character at
  /// most.
  func isSame(as other: JinjaValue) -> Bool {
    switch (self, other) {
    case (.none, .none): true
    case (.missing(let a), .missing(let b)): a === b
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.big(let a), .big(let b)): a === b
    case (.float(let a), .float(let b)): a == b
    case (.text(let a), .text(let b)): a === b || (a.count < 2 && a == b)
    case (.sequence(let a), .sequence(let b)): a === b
    case (.tuple(let a), .tuple(let b)): a === b || (a.items.isEmpty && b.items.isEmpty)
    case (.mapping(let a), .mapping(let b)): a === b
    case (.object(let a), .object(let b)): a === b
    default: false
    }
  }
}
