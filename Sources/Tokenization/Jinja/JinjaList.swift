/// The items of a list or tuple, which never change.
final class JinjaList: @unchecked Sendable {
  private let stored: [JinjaValue]
  /// Gathers what is written of the first items alone.
  let prefixes: JinjaPrefixes?
  /// Names of a tuple's items (`groupby` gives `grouper` and `list`), or none.
  let names: [String]
  /// Lists and dictionaries inside each other, this one counted.
  let depth: Int
  /// About how many bytes all of it takes.
  let weight: Int
  /// Values in it, those of inner tuples counted as often as they stand there, up to a bound.
  let size: Int
  private let meter: JinjaMeter?

  init(
    _ items: [JinjaValue], names: [String] = [], meter: JinjaMeter? = nil,
    prefixes: JinjaPrefixes? = nil
  ) {
    stored = items
    self.prefixes = prefixes
    self.names = names
    self.meter = meter
    var deepest = 0
    var weight = 64
    var size = items.count
    for item in items {
      if case .tuple(let list) = item { size = min(size + list.size, JinjaLimits.keySize + 1) }
      deepest = max(deepest, item.depth)
      weight += 16 + (meter == nil ? item.weight : 0)
    }
    depth = deepest + 1
    self.weight = weight
    self.size = size
    meter?.allocate(80 + 16 * items.count)
    meter?.note(bytes: 16 * items.count)
  }

  deinit { meter?.free(80 + 16 * stored.count) }

  var items: [JinjaValue] { prefixes?.all(of: stored) ?? stored }

  /// The item at an index from 0 on; nil behind the last.
  func item(_ index: Int) -> JinjaValue? {
    if let prefixes { return prefixes.item(index, of: stored) }
    return index < stored.count ? stored[index] : nil
  }

  var isEmpty: Bool { item(0) == nil }

  /// Whether the caller made it, of values that never change.
  var isGiven: Bool { meter == nil }
}

/// Keys and values in the order of their insertion, which never change.
final class JinjaDictionary: @unchecked Sendable {
  private(set) var keys: [JinjaValue] = []
  private(set) var values: [JinjaValue] = []
  let depth: Int
  let weight: Int
  /// Places of the keys where they are too many to look at each.
  private var index: [JinjaKey: Int] = [:]
  private let meter: JinjaMeter?

  private static let few = 8

  /// All keys must be hashable.
  init(_ entries: [(JinjaValue, JinjaValue)], meter: JinjaMeter? = nil) {
    self.meter = meter
    var deepest = 0
    var weight = 64
    for (_, value) in entries { deepest = max(deepest, value.depth) }
    depth = deepest + 1
    if meter == nil { for (key, value) in entries { weight += 32 + key.weight + value.weight } }
    self.weight = weight
    keys.reserveCapacity(entries.count)
    values.reserveCapacity(entries.count)
    for (key, value) in entries {
      if let place = place(of: key) {
        values[place] = value
        continue
      }
      keys.append(key)
      values.append(value)
      if keys.count == Self.few + 1 {
        for (place, key) in keys.enumerated() { index[JinjaKey(key)] = place }
      } else if keys.count > Self.few {
        index[JinjaKey(key)] = keys.count - 1
      }
    }
    meter?.allocate(cost)
    meter?.note(bytes: (keys.count > Self.few ? 512 : 64) * keys.count)
  }

  deinit { meter?.free(cost) }

  /// Whether the caller made it, of values that never change.
  var isGiven: Bool { meter == nil }

  private var cost: Int { 128 + keys.count * (keys.count > Self.few ? 96 : 32) }

  var count: Int { keys.count }

  private func place(of key: JinjaValue) -> Int? {
    if keys.count > Self.few { return index[JinjaKey(key)] }
    return keys.firstIndex { JinjaKey($0) == JinjaKey(key) }
  }

  subscript(key: JinjaValue) -> JinjaValue? { place(of: key).map { values[$0] } }

  /// The value of a key that is a string.
  subscript(key: JinjaString) -> JinjaValue? {
    if keys.count > Self.few { return index[JinjaKey(.text(key))].map { values[$0] } }
    for (place, candidate) in keys.enumerated() {
      if case .text(let string) = candidate, string == key { return values[place] }
    }
    return nil
  }

  var entries: [(JinjaValue, JinjaValue)] { Array(zip(keys, values)) }
}

/// A value as a key: equal and of one hash where Python says so (`1 == 1.0 == True`).
struct JinjaKey: Hashable {
  let value: JinjaValue

  init(_ value: JinjaValue) { self.value = value }

  static func == (a: JinjaKey, b: JinjaKey) -> Bool {
    switch (a.value, b.value) {
    case (.text(let x), .text(let y)): return x == y
    case (.tuple(let x), .tuple(let y)):
      return x === y || x.items.map(JinjaKey.init) == y.items.map(JinjaKey.init)
    case (.object(let x), .object(let y)): return x === y
    case (.none, .none), (.missing, .missing): return true
    default: return JinjaValue.numbersAreEqual(a.value, b.value) ?? false
    }
  }

  func hash(into hasher: inout Hasher) {
    switch value {
    case .text(let string): string.bytes.hash(into: &hasher)
    case .tuple(let list): for item in list.items { JinjaKey(item).hash(into: &hasher) }
    case .object(let object): ObjectIdentifier(object).hash(into: &hasher)
    case .bool(let value): (value ? 1 : 0).hash(into: &hasher)
    case .integer(let value): value.hash(into: &hasher)
    case .float(let value):
      if let exact = Int(exactly: value) {
        exact.hash(into: &hasher)
      } else {
        value.hash(into: &hasher)
      }
    case .big(let value): value.asFloat.hash(into: &hasher)
    default: 3.hash(into: &hasher)
    }
  }
}

extension JinjaValue {
  /// Whether it can be a key: lists and dictionaries cannot, nor very large tuples.
  var isHashable: Bool {
    switch self {
    case .sequence, .mapping: false
    case .tuple(let list):
      list.size <= JinjaLimits.keySize && list.items.allSatisfy(\.isHashable)
    case .object(let object): object.isHashable
    default: true
    }
  }
}
