/// The variables of one scope of a template, by Jinja2's rules: what a scope only reads comes from
/// outside, what it sets is its own and begins as the outer variable's copy.
struct JinjaScope {
  /// Variables stand in the frame of a function: the template, a macro, a recursive loop, a loop's
  /// test.
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
  private var places: [Int: Int] = [:]
  private var stores: Set<String> = []
  /// What was before the changes of the branch that is read, nil outside branches.
  private var log: [Change]?

  private enum Change {
    case reference(String, before: Reference?)
    case load(Int, before: Load?)
    case store(String)
  }

  /// What one branch of an `if` did to its scope.
  struct Branch {
    fileprivate var references: [(name: String, reference: Reference)] = []
    fileprivate var loads: [(slot: Int, load: Load)] = []
    fileprivate var stores: [String] = []
  }

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
    setReference(name, Reference(function: function, slot: slot))
    setLoad(slot, load)
  }

  private mutating func setReference(_ name: String, _ reference: Reference) {
    log?.append(.reference(name, before: references[name]))
    references[name] = reference
  }

  private mutating func setLoad(_ slot: Int, _ load: Load) {
    if let place = places[slot] {
      log?.append(.load(slot, before: loads[place].load))
      loads[place].load = load
    } else {
      log?.append(.load(slot, before: nil))
      places[slot] = loads.count
      loads.append((slot, load))
    }
  }

  private mutating func addStore(_ name: String) {
    if stores.insert(name).inserted { log?.append(.store(name)) }
  }

  mutating func load(_ name: String) {
    if reference(to: name) == nil { define(name, .named(name)) }
  }

  mutating func store(_ name: String) {
    addStore(name)
    guard references[name] == nil else { return }
    if let outer = parent?.scope.reference(to: name) {
      define(name, .copied(outer))
    } else {
      define(name, .empty)
    }
  }

  mutating func declareParameter(_ name: String) {
    addStore(name)
    define(name, .parameter)
  }

  // MARK: - Branches

  /// Runs over a branch and takes back what it did, which is returned.
  mutating func branch(_ body: (inout JinjaScope) -> Void) -> Branch {
    let outer = log
    log = []
    body(&self)
    let changes = log ?? []
    var result = Branch()
    for change in changes {
      switch change {
      case .reference(let name, _):
        if let reference = references[name] { result.references.append((name, reference)) }
      case .load(let slot, _):
        if let place = places[slot] { result.loads.append(loads[place]) }
      case .store(let name): result.stores.append(name)
      }
    }
    for change in changes.reversed() {
      switch change {
      case .reference(let name, let before): references[name] = before
      case .load(let slot, let before?):
        if let place = places[slot] { loads[place].load = before }
      case .load(let slot, nil):
        places[slot] = nil
        loads.removeLast()
      case .store(let name): stores.remove(name)
      }
    }
    log = outer
    return result
  }

  /// Takes over what the branches of an `if` did: what one of them sets keeps its value from before
  /// in the others.
  mutating func merge(_ branches: [Branch]) {
    var set: [String] = []
    for branch in branches { set += branch.stores.filter { !stores.contains($0) } }
    for branch in branches {
      for (name, reference) in branch.references { setReference(name, reference) }
      for (slot, load) in branch.loads { setLoad(slot, load) }
      for name in branch.stores { addStore(name) }
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
