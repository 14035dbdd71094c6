internal import Tensors
internal import Transformer

/// The gradients `G = Σ_b D_bᵀX_b` of one block's adapted weights, gathered over micro-batches.
///
/// Each is kept in the smaller of two forms: dense [out, in] float32, summed at once, or the factors X_b, D_b of
/// every micro-batch, from which an operator is made. Factors shared by projections (q, k, v; gate, up) are kept once.
struct BlockGradientCollector: LinearGradientSink {
  enum Form {
    case dense(Matrix)
    case factors(x: [Matrix], d: [Matrix])
  }

  private(set) var forms: [Projection: Form] = [:]
  private let arena: Arena

  /// - Parameters:
  ///   - projections: those that have an adapter in this block.
  ///   - tokens: of all micro-batches together.
  ///   - batches: number of micro-batches (each copy is padded).
  init(
    _ configuration: ModelConfiguration, projections: [Projection], tokens: Int, batches: Int,
    storage: ElementType
  ) throws(TensorError) {
    let bytes = BlockGradientCollector.byteCount(
      configuration, projections: projections, tokens: tokens, batches: batches, storage: storage)
    arena = try Arena("gradients of one block", byteCount: bytes)
    for projection in projections {
      let (out, `in`) = configuration.shape(of: projection)
      switch GradientForm.smaller(rows: out, columns: `in`, tokens: tokens, storage: storage) {
      case .dense:
        forms[projection] = .dense(arena.allocate(rows: out, columns: `in`, type: .float32))
      case .factors:
        forms[projection] = .factors(x: [], d: [])
      }
    }
  }

  /// Most bytes that the collector of a block maps.
  static func byteCount(
    _ configuration: ModelConfiguration, projections: [Projection], tokens: Int, batches: Int,
    storage: ElementType
  ) -> Int {
    projections.reduce(Arena.alignment) { sum, projection in
      let (out, `in`) = configuration.shape(of: projection)
      let form = GradientForm.smaller(
        rows: out, columns: `in`, tokens: tokens, storage: storage)
      // Each copy of a factor is padded to the arena's alignment.
      return sum
        + form.byteCount(rows: out, columns: `in`, tokens: tokens, storage: storage)
        + 2 * batches * Arena.alignment
    }
  }

  /// Forgets the block's gradients; the memory serves the next block.
  mutating func reset() {
    for (projection, form) in forms {
      switch form {
      case .dense(let g): g.clear()
      case .factors: forms[projection] = .factors(x: [], d: [])
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

  mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) {
    guard let form = forms[projection] else { return }
    switch form {
    case .dense(let g):
      weightGradient(into: g, dy, x)
    case .factors(var xs, var ds):
      // q, k, v read the same input, and so do gate and up: the first of them keeps it.
      let leader: Projection? =
        switch projection {
        case .key, .value: .query
        case .up: .gate
        default: nil
        }
      if let leader, case .factors(let shared, _)? = forms[leader], shared.count == xs.count + 1 {
        xs.append(shared[xs.count])
      } else {
        xs.append(copy(x))
      }
      ds.append(copy(dy))
      forms[projection] = .factors(x: xs, d: ds)
    }
  }

  private func copy(_ matrix: Matrix) -> Matrix {
    let kept = arena.allocate(rows: matrix.rows, columns: matrix.columns, type: matrix.type)
    kept.assign(matrix)
    return kept
  }
}
