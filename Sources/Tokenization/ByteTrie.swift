/// Byte strings as a tree of their bytes: what begins at a place of a text is found by walking down
/// from the root.
///
/// Node 0 is the root; a node has a higher number than its parent. The children of the root lie in
/// an array, all others in one table by (node, byte): open addressing with linear probing, at most
/// half full, 12 bytes a slot.
struct ByteTrie: Sendable {
  static let root: Int32 = 0

  private var rootChildren = Array(repeating: Int32(-1), count: 256)
  private var keys = Array(repeating: Self.empty, count: 16)
  private var children = Array(repeating: Int32(-1), count: 16)
  /// The number that ends at each node, or -1.
  private var values: [Int32] = [-1]
  private static let empty = UInt64.max

  /// Number of nodes, the root counted.
  var count: Int { values.count }

  /// The number of the string that ends at a node, or -1.
  func value(_ node: Int32) -> Int32 { values[Int(node)] }

  /// The node one byte further, or -1.
  func child(_ node: Int32, _ byte: UInt8) -> Int32 {
    if node == Self.root { return rootChildren[Int(byte)] }
    return children[slot(Self.key(node, byte))]
  }

  /// Adds a string with its number; a later number replaces an earlier one. Returns the node where
  /// it ends.
  @discardableResult
  mutating func insert(_ text: some Sequence<UInt8>, _ value: Int32) -> Int32 {
    var node = Self.root
    for byte in text {
      var next = child(node, byte)
      if next < 0 {
        next = Int32(values.count)
        values.append(-1)
        add(node, byte, next)
      }
      node = next
    }
    values[Int(node)] = value
    return node
  }

  private mutating func add(_ node: Int32, _ byte: UInt8, _ child: Int32) {
    if node == Self.root {
      rootChildren[Int(byte)] = child
      return
    }
    if 2 * (values.count + 1) > keys.count { grow() }
    let key = Self.key(node, byte)
    let slot = slot(key)
    keys[slot] = key
    children[slot] = child
  }

  private mutating func grow() {
    let old = (keys: keys, children: children)
    keys = Array(repeating: Self.empty, count: 2 * old.keys.count)
    children = Array(repeating: -1, count: 2 * old.keys.count)
    for index in old.keys.indices where old.keys[index] != Self.empty {
      let slot = slot(old.keys[index])
      keys[slot] = old.keys[index]
      children[slot] = old.children[index]
    }
  }

  private func slot(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    let hash = key &* 0x9e37_79b9_7f4a_7c15
    var slot = Int(truncatingIfNeeded: hash >> 32) & mask
    while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & mask }
    return slot
  }

  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
  }
}
