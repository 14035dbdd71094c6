public import Tensors
public import Transformer

/// How a gradient start holds one block's gradients, and the bytes that takes.
///
/// Exact forms where there is room; the largest matrices fall back to the incremental form where there is not.
public struct StartMemory: Sendable, Equatable {
  /// By projection that has an adapter.
  public let forms: [Projection: GradientForm]
  /// Bytes of all forms: `BlockGradientCollector`.
  public let collector: Int
  /// Bytes of working space of the decomposition of the largest matrix.
  public let decomposition: Int

  public var total: Int { collector + decomposition }

  /// - Parameters:
  ///   - data: size of the initialisation data.
  ///   - microTokens: tokens of the largest micro-batch.
  ///   - room: bytes that `total` should not exceed; nil for no limit.
  public init(
    _ configuration: ModelConfiguration, _ layout: AdapterLayout, data: MemoryRequest.Start,
    storage: ElementType, microTokens: Int, room: Int?
  ) {
    let projections = Projection.allCases.filter { projection in
      layout.slots.contains { $0.projection == projection }
    }
    func bytes(_ form: GradientForm, _ projection: Projection) -> Int {
      let (rows, columns) = configuration.shape(of: projection)
      return form.byteCount(
        rows: rows, columns: columns, tokens: data.tokens, storage: storage, rank: layout.rank)
    }
    var forms: [Projection: GradientForm] = [:]
    for projection in projections {
      let (rows, columns) = configuration.shape(of: projection)
      forms[projection] = .smaller(
        rows: rows, columns: columns, tokens: data.tokens, storage: storage)
    }
    func sizes() -> (collector: Int, decomposition: Int) {
      (
        BlockGradientCollector.byteCount(
          configuration, forms: forms, tokens: data.tokens, batches: data.sequences,
          storage: storage, rank: layout.rank),
        StartMemory.decomposition(
          configuration, forms, storage: storage, tokens: microTokens, rank: layout.rank)
      )
    }
    var found = sizes()
    while let room, found.collector + found.decomposition > room {
      let largest =
        projections
        .filter { forms[$0] != .incremental && bytes(.incremental, $0) < bytes(forms[$0]!, $0) }
        .max { bytes(forms[$0]!, $0) < bytes(forms[$1]!, $1) }
      guard let largest else { break }
      forms[largest] = .incremental
      found = sizes()
    }
    self.forms = forms
    collector = found.collector
    decomposition = found.decomposition
  }

  /// Thin matrices of the randomized SVD and of the kernels' transposed left sides.
  private static func decomposition(
    _ configuration: ModelConfiguration, _ forms: [Projection: GradientForm], storage: ElementType,
    tokens: Int, rank: Int
  ) -> Int {
    forms.map { projection, form in
      let (rows, columns) = configuration.shape(of: projection)
      let sought =
        form == .incremental
        ? IncrementalGradient.width(rows: rows, columns: columns, rank: rank)
        : min(rank, rows, columns)
      let width = min(sought + max(16, sought), rows, columns)
      // Ω, Y, its basis, W, the small matrix, its vectors and the result: about six of each side at the worst moment.
      let thin = 6 * 4 * width * (rows + columns)
      let panels =
        form == .dense
        ? 1024 * min(tokens, 2048) * storage.byteCount
        : 4 * (rows + columns) * max(16, (1 << 17) / max(rows, columns))
      return thin + panels
    }.max() ?? 0
  }
}
