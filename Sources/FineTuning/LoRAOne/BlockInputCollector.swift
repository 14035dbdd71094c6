internal import Tensors
internal import Transformer

/// `XᵀX = Σ_b X_bᵀX_b` of the inputs X of one block's linear layers, gathered over micro-batches: EVA's counterpart of
/// `BlockGradientCollector`.
///
/// Projections that read the same input share it; it is named by the first (`Projection.inputLeader`). Held in the form that
/// the memory plan chose: dense [in, in] float32, summed at once; X_b of every micro-batch; or the leading part alone.
struct BlockInputCollector {
  enum Form {
    case dense(Matrix)
    case factors([Matrix])
    case incremental(IncrementalGradient)
    /// An incremental sum that is not finite.
    case broken(IncrementalGradient)
  }

  private(set) var forms: [Projection: Form] = [:]
  /// ‖X‖²_F by leader, exact.
  private(set) var squaredNorms: [Projection: Double] = [:]
  private let arena: Arena
  /// Room for rows of X in float32, whose squares are summed.
  private let panel: Matrix
  private let denseBytes: Int

  private static let panelRows = 64

  /// - Parameters:
  ///   - forms: by leader.
  ///   - tokens: of all micro-batches together.
  ///   - batches: number of micro-batches (each copy is padded).
  ///   - rank: largest rank of the adapters.
  init(
    _ configuration: ModelConfiguration, forms chosen: [Projection: GradientForm], tokens: Int,
    batches: Int, storage: ElementType, rank: Int, generator: RandomGenerator
  ) throws(TensorError) {
    let exact = chosen.filter { $0.value != .incremental }
    arena = try Arena(
      "inputs of one block",
      byteCount: BlockInputCollector.byteCount(
        configuration, forms: exact, tokens: tokens, batches: batches, storage: storage, rank: rank)
    )
    panel = arena.allocate(
      rows: 1, columns: BlockInputCollector.panelRows * configuration.widestInput, type: .float32)
    var bytes = Arena.size(rows: 1, columns: panel.columns, type: .float32)
    for projection in Projection.allCases {
      let width = configuration.shape(of: projection).in
      switch chosen[projection] {
      case .dense:
        forms[projection] = .dense(arena.allocate(rows: width, columns: width, type: .float32))
        bytes += Arena.size(rows: width, columns: width, type: .float32)
      case .factors:
        forms[projection] = .factors([])
      case .incremental:
        forms[projection] = .incremental(
          try IncrementalGradient(
            rows: width, columns: width, rank: min(rank, width),
            generator: generator.stream(projection.tensorName)))
      case nil: break
      }
    }
    denseBytes = bytes
  }

  /// Bytes of one input's measurement [tokens, width].
  static func byteCount(
    _ form: GradientForm, width: Int, tokens: Int, storage: ElementType, rank: Int
  ) -> Int {
    switch form {
    case .dense: 4 * width * width
    case .factors: storage.byteCount * tokens * width
    case .incremental:
      8 * IncrementalGradient.width(rows: width, columns: width, rank: min(rank, width)) * width
    }
  }

  /// Most bytes that the collector of a block maps.
  static func byteCount(
    _ configuration: ModelConfiguration, forms: [Projection: GradientForm], tokens: Int,
    batches: Int, storage: ElementType, rank: Int
  ) -> Int {
    let panel = Arena.size(
      rows: 1, columns: panelRows * configuration.widestInput, type: .float32)
    return forms.reduce(Arena.alignment + panel) { sum, entry in
      let (projection, form) = entry
      return sum
        + byteCount(
          form, width: configuration.shape(of: projection).in, tokens: tokens, storage: storage,
          rank: rank)
        + (form == .factors ? batches : 2) * Arena.alignment
    }
  }

  /// Forgets the block's inputs; the memory serves the next block.
  mutating func reset() {
    squaredNorms = [:]
    for (projection, form) in forms {
      switch form {
      case .dense(let sum): sum.clear()
      case .factors: forms[projection] = .factors([])
      case .incremental(let sum), .broken(let sum):
        sum.reset()
        forms[projection] = .incremental(sum)
      }
    }
    arena.release(to: denseBytes)
  }

  /// Adds the input x [tokens, in] that `leader` reads, if an adapter does.
  mutating func record(_ leader: Projection, x: Matrix) throws(TensorError) {
    guard let form = forms[leader] else { return }
    squaredNorms[leader, default: 0] += squares(x)
    switch form {
    case .dense(let sum):
      weightGradient(into: sum, x, x)
    case .factors(let copies):
      let copy = arena.allocate(rows: x.rows, columns: x.columns, type: x.type)
      copy.assign(x)
      forms[leader] = .factors(copies + [copy])
    case .incremental(let sum):
      do throws(TensorError) {
        try sum.add(FactorOperator.Factor(d: x, x: x))
      } catch .noConvergence {
        forms[leader] = .broken(sum)
      }
    case .broken: break
    }
  }

  private func squares(_ x: Matrix) -> Double {
    var sum = 0.0
    for start in stride(from: 0, to: x.rows, by: Self.panelRows) {
      let part = x.rows(start..<min(start + Self.panelRows, x.rows))
      let values = panel.reshaped(rows: part.rows, columns: part.columns)
      values.assign(part)
      sum += sumOfSquares(values)
    }
    return sum
  }
}
