/// The variables of one scope of a template, by Jinja2's rules: what a scope only reads comes from outside, what it sets is
/// its own and begins as the outer variable's copy.
struct JinjaScope {
  /// Variables stand in the frame of a function: the template, a macro, a recursive loop, a loop's test.
  final class Function {
    /// Functions around it.
    let depth: Int
    private(set) var size = 0
    private var slots: [String: Int] = [:]

    init(depth: Int) { self.depth = depth }

    /// The place of a name on a level of scopes; sibling scopes share it.
    func slot(_ name: String, level: Int) -> Int {
      let key = "\(level) \(name)"
      if let slot = slots[key] { return slot }
      slots[key] = size
      size += 1
      return size - 1
    }
  }

  struct Reference {
    let function: Function
    let slot: Int
  }

  enum Load {
    case parameter
    case named(String)
    case copied(Reference)
    case empty
  }

  let level: Int
  let function: Function
  private let parent: Parent?
  private var references: [String: Reference] = [:]
  private var loads: [(slot: Int, load: Load)] = []
  private var stores: Set<String> = []

  /// A box, since a scope holds the one around it.
  private final class Parent {
    let scope: JinjaScope
    init(_ scope: JinjaScope) { self.scope = scope }
  }

  /// The template's own scope.
  init() {
    level = 0
    function = Function(depth: 0)
    parent = nil
  }

  /// A scope inside another, in its function or in one of its own.
  init(inside outer: JinjaScope, function: Function? = nil) {
    level = outer.level + 1
    self.function = function ?? outer.function
    parent = Parent(outer)
  }

  func newFunction() -> Function { Function(depth: function.depth + 1) }

  func reference(to name: String) -> Reference? {
    references[name] ?? parent?.scope.reference(to: name)
  }

  private mutating func define(_ name: String, _ load: Load) {
    let slot = function.slot(name, level: level)
    references[name] = Reference(function: function, slot: slot)
    setLoad(slot, load)
  }

  private mutating func setLoad(_ slot: Int, _ load: Load) {
    if let place = loads.firstIndex(where: { $0.slot == slot }) {
      loads[place].load = load
    } else {
      loads.append((slot, load))
    }
  }

  mutating func load(_ name: String) {
    if reference(to: name) == nil { define(name, .named(name)) }
  }

  mutating func store(_ name: String) {
    stores.insert(name)
    guard references[name] == nil else { return }
    if let outer = parent?.scope.reference(to: name) {
      define(name, .copied(outer))
    } else {
      define(name, .empty)
    }
  }

  mutating func declareParameter(_ name: String) {
    stores.insert(name)
    define(name, .parameter)
  }

  /// Takes over what the branches of an `if` did: what one of them sets keeps its value from before in the others.
  mutating func merge(_ branches: [JinjaScope]) {
    var set: Set<String> = []
    for branch in branches { set.formUnion(branch.stores) }
    set.subtract(stores)
    for branch in branches {
      references.merge(branch.references) { $1 }
      for (slot, load) in branch.loads { setLoad(slot, load) }
      stores.formUnion(branch.stores)
    }
    for name in set {
      guard let target = reference(to: name) else { continue }
      if let outer = parent?.scope.reference(to: name) {
        setLoad(target.slot, .copied(outer))
      } else {
        setLoad(target.slot, .named(name))
      }
    }
  }

  /// Where a reference stands, seen from this scope's function.
  func slot(of reference: Reference) -> JinjaSlot {
    JinjaSlot(hops: function.depth - reference.function.depth, index: reference.slot)
  }

  var entry: JinjaScopeEntry {
    var entry = JinjaScopeEntry()
    for (slot, load) in loads {
      entry.clears.append(slot)
      switch load {
      case .parameter: break
      case .named(let name): entry.loads.append(.named(name, into: slot))
      case .copied(let outer): entry.loads.append(.copied(self.slot(of: outer), into: slot))
      case .empty: entry.loads.append(.empty(into: slot))
      }
    }
    return entry
  }
}
