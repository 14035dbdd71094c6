public import Tensors

/// All trainable parameters of a run: the low-rank pairs of `layout`, kept in one of `ParameterPrecision`.
///
/// In bf16 the products read the parameters' bf16 part (upper halves, copy, or all there is) directly. In float32 they
/// read float32 masters directly, and otherwise `working`, the exact values, which `refresh` renews after each change.
public final class AdapterSet {
  public let layout: AdapterLayout
  /// Type in which the products read the adapters: that of the activations.
  public let storage: ElementType
  /// The masters, flat [1, layout.count].
  public let parameters: TrainableParameters
  /// The parameters that are trained, by number: all, or those of B alone.
  public let trained: Range<Int>
  /// Sums of gradients of the trained parameters, flat [1, trained.count] float32; nil for inference.
  public let gradients: Matrix?

  private let working: Matrix?
  private let arenas: [Arena]
  private let index: [Int?]

  /// Adapters of zeros (no effect). Throws `TensorError.outOfMemory`.
  ///
  /// - Parameters:
  ///   - precision: how the parameters are kept.
  ///   - freezesA: A has no gradient.
  public init(
    _ layout: AdapterLayout, layerCount: Int, storage: ElementType, trainable: Bool,
    precision: ParameterPrecision = .splitFloat32, freezesA: Bool = false
  ) throws(TensorError) {
    self.layout = layout
    self.storage = storage
    var arenas: [Arena] = []
    let masters = try Arena(
      "adapters",
      byteCount: TrainableParameters.byteCount(
        rows: 1, columns: layout.count, precision: precision, isRead: storage))
    arenas.append(masters)
    parameters = TrainableParameters(
      rows: 1, columns: layout.count, precision: precision, isRead: storage, in: masters)
    trained = layout.trained(freezesA: freezesA)
    func make(_ name: String, _ count: Int) throws(TensorError) -> Matrix {
      let arena = try Arena(name, byteCount: Arena.size(rows: 1, columns: count, type: .float32))
      arenas.append(arena)
      return arena.allocate(rows: 1, columns: count, type: .float32)
    }
    working =
      AdapterSet.needsCopy(precision, storage)
      ? try make("float32 adapters", layout.count) : nil
    gradients = trainable ? try make("adapter gradients", trained.count) : nil
    self.arenas = arenas
    var index = [Int?](repeating: nil, count: layerCount * Projection.indexCount)
    for (position, slot) in layout.slots.enumerated() where slot.expert ?? 0 == 0 {
      index[slot.layer * Projection.indexCount + slot.projection.rawValue] = position
    }
    self.index = index
  }

  /// Whether products in float32 need the exact values in a matrix of their own.
  private static func needsCopy(_ precision: ParameterPrecision, _ storage: ElementType) -> Bool {
    storage == .float32 && precision != .float32
  }

  /// Bytes that such a set maps, without gradients.
  public static func byteCount(
    _ layout: AdapterLayout, storage: ElementType, precision: ParameterPrecision = .splitFloat32
  ) -> Int {
    let flat = Arena.size(rows: 1, columns: layout.count, type: .float32)
    return TrainableParameters.byteCount(
      rows: 1, columns: layout.count, precision: precision, isRead: storage)
      + (needsCopy(precision, storage) ? flat : 0)
  }

  /// Bytes of the gradients of a trainable set.
  public static func gradientByteCount(_ layout: AdapterLayout, freezesA: Bool = false) -> Int {
    Arena.size(rows: 1, columns: layout.trained(freezesA: freezesA).count, type: .float32)
  }

  /// The matrix that products read.
  private var values: Matrix {
    guard let found = working ?? (storage == .float32 ? parameters.master : parameters.rounded)
    else { preconditionFailure("some part is of the storage's type") }
    return found
  }

  /// The slot of a projection (of one expert of a stack), or nil where there is no adapter.
  public func slot(
    layer: Int, _ projection: Projection, expert: Int? = nil
  ) -> AdapterSlot? {
    guard let first = index[layer * Projection.indexCount + projection.rawValue] else { return nil }
    let slot = layout.slots[first + (expert ?? 0)]
    precondition(
      slot.layer == layer && slot.projection == projection && slot.expert == expert,
      "the pairs of a stack lie side by side, one for each expert")
    return slot
  }

  /// The pair as the products use it.
  public func adapter(
    layer: Int, _ projection: Projection, expert: Int? = nil
  ) -> AdapterPair? {
    guard let slot = slot(layer: layer, projection, expert: expert) else { return nil }
    let values = values
    return AdapterPair(
      a: values.slice(slot.offsetA, rows: slot.rank, columns: slot.in),
      bt: values.slice(slot.offsetBT, rows: slot.rank, columns: slot.out),
      scale: layout.scale(rank: slot.rank))
  }

  /// The pair's gradient sums, when trainable.
  func gradient(
    layer: Int, _ projection: Projection, expert: Int? = nil
  ) -> AdapterGradient? {
    guard let gradients, let slot = slot(layer: layer, projection, expert: expert) else {
      return nil
    }
    return AdapterGradient(
      a: trained.contains(slot.offsetA)
        ? gradients.slice(
          slot.offsetA - trained.lowerBound, rows: slot.rank, columns: slot.in) : nil,
      bt: gradients.slice(slot.offsetBT - trained.lowerBound, rows: slot.rank, columns: slot.out))
  }

  /// The gradient sums of a pair of `layout`, as views; nil for inference.
  public func gradient(of slot: AdapterSlot) -> AdapterGradient? {
    gradient(layer: slot.layer, slot.projection, expert: slot.expert)
  }

  /// The gradient sums of a pair, row by row: A's (none where A is frozen), then Bᵀ's.
  public func gradientValues(of slot: AdapterSlot) -> (a: [Float], bt: [Float])? {
    gradient(of: slot).map { ($0.a?.array() ?? [], $0.bt.array()) }
  }

  /// Sets one pair from float32 values, `a` [rank, in], `bt` [rank, out]: exactly, or rounded to the nearest bf16 where
  /// nothing finer is kept.
  public func assign(_ slot: AdapterSlot, a: [Float], bt: [Float]) {
    precondition(a.count == slot.rank * slot.in && bt.count == slot.rank * slot.out)
    part(slot.offsetA, slot.rank, slot.in).assign(a)
    part(slot.offsetBT, slot.rank, slot.out).assign(bt)
    refresh()
  }

  /// The exact values of one pair.
  public func values(_ slot: AdapterSlot) -> (a: [Float], bt: [Float]) {
    (
      part(slot.offsetA, slot.rank, slot.in).array(),
      part(slot.offsetBT, slot.rank, slot.out).array()
    )
  }

  private func part(_ offset: Int, _ rows: Int, _ columns: Int) -> TrainableParameters {
    parameters.slice(offset, rows: rows, columns: columns)
  }

  /// The bf16 values of one pair, as they are used in bf16 and exported.
  public func roundedValues(_ slot: AdapterSlot) -> (a: [Float], bt: [Float]) {
    (
      part(slot.offsetA, slot.rank, slot.in).roundedArray(),
      part(slot.offsetBT, slot.rank, slot.out).roundedArray()
    )
  }

  /// To be called after `parameters` changed.
  public func refresh() {
    if let working { parameters.copy(into: working) }
  }
}
