public import Tensors

/// Keys and values of positions already seen, for generation: a fixed number of slots (sequences), each with
/// room for `capacity` positions.
public final class KeyValueCache {
  public let slotCount: Int
  public let capacity: Int
  let arena: Arena
  /// By layer: [slots · capacity, keyWidth] and [slots · capacity, valueWidth].
  let keys: [Matrix]
  let values: [Matrix]

  /// Bytes that such a cache maps.
  public static func byteCount(
    _ configuration: ModelConfiguration, slots: Int, capacity: Int, storage: ElementType
  ) -> Int {
    [configuration.keyWidth, configuration.valueWidth].reduce(0) { sum, width in
      sum + configuration.layerCount
        * Arena.size(rows: slots * capacity, columns: width, type: storage)
    }
  }

  public init(
    _ configuration: ModelConfiguration, slots: Int, capacity: Int, storage: ElementType
  ) throws(TensorError) {
    precondition(slots > 0 && capacity > 0)
    slotCount = slots
    self.capacity = capacity
    let arena = try Arena(
      "the key-value cache",
      byteCount: KeyValueCache.byteCount(
        configuration, slots: slots, capacity: capacity, storage: storage))
    self.arena = arena
    func make(_ width: Int) -> Matrix {
      arena.allocate(rows: slots * capacity, columns: width, type: storage)
    }
    var keys: [Matrix] = []
    var values: [Matrix] = []
    for _ in 0..<configuration.layerCount {
      keys.append(make(configuration.keyWidth))
      values.append(make(configuration.valueWidth))
    }
    self.keys = keys
    self.values = values
  }

  /// Row t goes to position `positions[t]` of slot `slots[t]`.
  func store(layer: Int, keys k: Matrix, values v: Matrix, slots: [Int32], positions: [Int32]) {
    var rows: [Int] = []
    rows.reserveCapacity(slots.count)
    for (slot, position) in zip(slots, positions) {
      precondition(position >= 0 && Int(position) < capacity && slot >= 0 && slot < slotCount)
      rows.append(Int(slot) * capacity + Int(position))
    }
    k.scatter(to: keys[layer], rows: rows)
    v.scatter(to: values[layer], rows: rows)
  }
}
