public import Tensors

/// All trainable parameters of a run: the low-rank pairs of `layout`, as exact float32 masters split into a bf16 half
/// (used and exported) and the 16 bits below it.
///
/// In bf16 the products read the upper halves directly; in float32 they read `working`, the joined values, which
/// `refresh` renews after each change.
public final class AdapterSet {
  public let layout: AdapterLayout
  /// Type in which the products read the adapters: that of the activations.
  public let storage: ElementType
  /// The masters, flat [1, layout.count].
  public let parameters: SplitParameters
  /// Sums of gradients, flat [1, layout.count] float32; nil for inference.
  public let gradients: Matrix?

  private let working: Matrix?
  private let arenas: [Arena]
  private let index: [Int?]

  /// Adapters of zeros (no effect). Throws `TensorError.outOfMemory`.
  public init(
    _ layout: AdapterLayout, layerCount: Int, storage: ElementType, trainable: Bool
  ) throws(TensorError) {
    self.layout = layout
    self.storage = storage
    var arenas: [Arena] = []
    let half = Arena.size(rows: 1, columns: layout.count, type: .bfloat16)
    let masters = try Arena("adapters", byteCount: 2 * half)
    arenas.append(masters)
    parameters = SplitParameters(rows: 1, columns: layout.count, high: masters, low: masters)
    func make(_ name: String) throws(TensorError) -> Matrix {
      let arena = try Arena(
        name, byteCount: Arena.size(rows: 1, columns: layout.count, type: .float32))
      arenas.append(arena)
      return arena.allocate(rows: 1, columns: layout.count, type: .float32)
    }
    working = storage == .float32 ? try make("float32 adapters") : nil
    gradients = trainable ? try make("adapter gradients") : nil
    self.arenas = arenas
    var index = [Int?](repeating: nil, count: layerCount * Projection.allCases.count)
    for (position, slot) in layout.slots.enumerated() {
      index[slot.layer * Projection.allCases.count + slot.projection.rawValue] = position
    }
    self.index = index
  }

  /// Bytes that such a set maps, gradients included when trainable.
  public static func byteCount(
    _ layout: AdapterLayout, storage: ElementType, trainable: Bool
  ) -> Int {
    let flat = Arena.size(rows: 1, columns: layout.count, type: .float32)
    return flat + (storage == .float32 ? flat : 0) + (trainable ? flat : 0)
  }

  /// The slot of a projection, or nil where there is no adapter.
  public func slot(layer: Int, _ projection: Projection) -> AdapterSlot? {
    index[layer * Projection.allCases.count + projection.rawValue].map { layout.slots[$0] }
  }

  /// The pair as the products use it.
  public func adapter(layer: Int, _ projection: Projection) -> AdapterPair? {
    guard let slot = slot(layer: layer, projection) else { return nil }
    let values = working ?? parameters.high
    return AdapterPair(
      a: values.slice(slot.offsetA, rows: slot.rank, columns: slot.in),
      bt: values.slice(slot.offsetBT, rows: slot.rank, columns: slot.out),
      scale: layout.scale(rank: slot.rank))
  }

  /// The pair's gradient sums, when trainable.
  func gradient(layer: Int, _ projection: Projection) -> AdapterGradient? {
    guard let gradients, let slot = slot(layer: layer, projection) else { return nil }
    return AdapterGradient(
      a: gradients.slice(slot.offsetA, rows: slot.rank, columns: slot.in),
      bt: gradients.slice(slot.offsetBT, rows: slot.rank, columns: slot.out))
  }

  /// The gradient sums of a pair, row by row: A's, then Bᵀ's.
  public func gradientValues(of slot: AdapterSlot) -> (a: [Float], bt: [Float])? {
    gradient(layer: slot.layer, slot.projection).map { ($0.a.array(), $0.bt.array()) }
  }

  /// Sets one pair from float32 values: `a` [rank, in], `bt` [rank, out].
  public func assign(_ slot: AdapterSlot, a: [Float], bt: [Float]) {
    precondition(a.count == slot.rank * slot.in && bt.count == slot.rank * slot.out)
    part(slot.offsetA, slot.rank, slot.in).assign(a)
    part(slot.offsetBT, slot.rank, slot.out).assign(bt)
    refresh()
  }

  /// The exact float32 values of one pair.
  public func values(_ slot: AdapterSlot) -> (a: [Float], bt: [Float]) {
    (
      part(slot.offsetA, slot.rank, slot.in).array(),
      part(slot.offsetBT, slot.rank, slot.out).array()
    )
  }

  private func part(_ offset: Int, _ rows: Int, _ columns: Int) -> SplitParameters {
    SplitParameters(
      high: parameters.high.slice(offset, rows: rows, columns: columns),
      low: parameters.low.slice(offset, rows: rows, columns: columns))
  }

  /// The bf16 values of one pair, as they are used in bf16 and exported.
  public func roundedValues(_ slot: AdapterSlot) -> (a: [Float], bt: [Float]) {
    (
      parameters.high.slice(slot.offsetA, rows: slot.rank, columns: slot.in).array(),
      parameters.high.slice(slot.offsetBT, rows: slot.rank, columns: slot.out).array()
    )
  }

  /// To be called after `parameters` changed.
  public func refresh() {
    if let working { parameters.copy(into: working) }
  }
}
