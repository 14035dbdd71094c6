internal import Tensors
internal import Transformer

/// The gradients `G = Σ_b D_bᵀX_b` of one block's adapted weights, gathered over micro-batches.
///
/// Each is kept in the form that the memory plan chose (`StartMemory`): dense [out, in] float32, summed at once; the
/// factors X_b, D_b of every micro-batch, from which an operator is made; or the leading part alone. Factors shared by
/// projections (q, k, v; gate, up) are kept once.
struct BlockGradientCollector: LinearGradientSink {
  enum Form {
    case dense(Matrix)
    case factors(x: [Matrix], d: [Matrix])
    case incremental(IncrementalGradient)
    /// An incremental gradient that is not finite.
    case broken(IncrementalGradient)
  }

  private(set) var forms: [Projection: Form] = [:]
  private let arena: Arena

  /// - Parameters:
  ///   - forms: by projection that has an adapter in this block.
  ///   - tokens: of all micro-batches together.
  ///   - batches: number of micro-batches (each copy is padded).
  ///   - rank: largest rank of the adapters.
  init(
    _ configuration: ModelConfiguration, forms chosen: [Projection: GradientForm], tokens: Int,
    batches: Int, storage: ElementType, rank: Int, generator: RandomGenerator
  ) throws(TensorError) {
    let exact = chosen.filter { $0.value != .incremental }
    arena = try Arena(
      "gradients of one block",
      byteCount: BlockGradientCollector.byteCount(
        configuration, forms: exact, tokens: tokens, batches: batches, storage: storage, rank: rank)
    )
    for projection in Projection.allCases {
      let (out, `in`) = configuration.shape(of: projection)
      switch chosen[projection] {
      case .dense:
        forms[projection] = .dense(arena.allocate(rows: out, columns: `in`, type: .float32))
      case .factors:
        forms[projection] = .factors(x: [], d: [])
      case .incremental:
        forms[projection] = .incremental(
          try IncrementalGradient(
            rows: out, columns: `in`, rank: min(rank, out, `in`),
            generator: generator.stream(projection.tensorName)))
      case nil: break
      }
    }
  }

  /// Most bytes that the collector of a block maps.
  static func byteCount(
    _ configuration: ModelConfiguration, forms: [Projection: GradientForm], tokens: Int,
    batches: Int, storage: ElementType, rank: Int
  ) -> Int {
    forms.reduce(Arena.alignment) { sum, entry in
      let (projection, form) = entry
      let (out, `in`) = configuration.shape(of: projection)
      let bytes = form.byteCount(
        rows: out, columns: `in`, tokens: tokens, storage: storage, rank: rank)
      guard form == .factors else { return sum + bytes + 2 * Arena.alignment }
      let leader = projection.inputLeader
      let isShared = leader != projection && forms[leader] == .factors
      // Each copy of a factor is padded to the arena's alignment.
      return sum + bytes - (isShared ? storage.byteCount * tokens * `in` : 0)
        + 2 * batches * Arena.alignment
    }
  }

  /// Forgets the block's gradients; the memory serves the next block.
  mutating func reset() {
    for (projection, form) in forms {
      switch form {
      case .dense(let g): g.clear()
      case .factors: forms[projection] = .factors(x: [], d: [])
      case .incremental(let gradient), .broken(let gradient):
        gradient.reset()
        forms[projection] = .incremental(gradient)
      }
    }
    arena.release(to: denseBytes)
  }

  private var denseBytes: Int {
    forms.values.reduce(0) { sum, form in
      if case .dense(let g) = form {
        return sum + Arena.size(rows: g.rows, columns: g.columns, type: .float32)
      }
      return sum
    }
  }

  mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) throws {
    guard let form = forms[projection] else { return }
    switch form {
    case .dense(let g):
      weightGradient(into: g, dy, x)
    case .factors(var xs, var ds):
      // The first projection that reads this input has kept it just before.
      let leader = projection.inputLeader
      if leader != projection, case .factors(let shared, _)? = forms[leader],
        shared.count == xs.count + 1
      {
        xs.append(shared[xs.count])
      } else {
        xs.append(copy(x))
      }
      ds.append(copy(dy))
      forms[projection] = .factors(x: xs, d: ds)
    case .incremental(let gradient):
      do throws(TensorError) {
        try gradient.add(FactorOperator.Factor(d: dy, x: x))
      } catch .noConvergence {
        forms[projection] = .broken(gradient)
      }
    case .broken: break
    }
  }

  private func copy(_ matrix: Matrix) -> Matrix {
    let kept = arena.allocate(rows: matrix.rows, columns: matrix.columns, type: matrix.type)
    kept.assign(matrix)
    return kept
  }
}
