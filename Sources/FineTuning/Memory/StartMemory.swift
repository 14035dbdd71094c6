public import Tensors
public import Transformer

/// How a gradient start holds one block's gradients, and the bytes that takes.
///
/// Exact forms where there is room; the largest matrices fall back to the incremental form where there is not.
public struct StartMemory: Sendable, Equatable {
  /// By projection that has an adapter.
  public let forms: [Projection: GradientForm]
  /// Blocks, from the highest, whose backward follows their forward as in training, nothing run again.
  public private(set) var keptLayers = 1
  /// Blocks whose gradients are held together meanwhile.
  public private(set) var heldBlocks = 1
  /// Bytes of all forms of one block: `BlockGradientCollector`.
  public let blockBytes: Int
  /// Bytes of working space of the decompositions that run at a time, each as large as the largest.
  public let decomposition: Int
  /// Matrices that are decomposed at a time.
  public let sideBySide: Int

  /// Bytes of the gradients of all blocks that are held together.
  public var collector: Int { heldBlocks * blockBytes }

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
    self.init(fitting: room, forms, bytes: bytes) { forms in
      StartMemory(
        forms: forms,
        blockBytes: BlockGradientCollector.byteCount(
          configuration, forms: forms, tokens: data.tokens, batches: data.sequences,
          storage: storage, rank: layout.rank),
        decomposition: StartMemory.decomposition(
          configuration, forms, storage: storage, tokens: microTokens, rank: layout.rank))
    }
  }

  /// Of `exact` forms, the largest replaced by incremental ones until the whole fits in `room` or nothing gets smaller.
  ///
  /// - Parameters:
  ///   - bytes: of one projection's measurement in a form.
  ///   - sized: the memory of all forms.
  init(
    fitting room: Int?, _ exact: [Projection: GradientForm],
    bytes: (GradientForm, Projection) -> Int, sized: ([Projection: GradientForm]) -> StartMemory
  ) {
    var found = sized(exact)
    while let room, found.total > room {
      let held = found.forms.map { (projection: $0, bytes: bytes($1, $0)) }
        .filter { bytes(.incremental, $0.projection) < $0.bytes }
      // Of equal ones the first in a block.
      let largest = held.max {
        ($0.bytes, $1.projection.rawValue) < ($1.bytes, $0.projection.rawValue)
      }
      guard let largest else { break }
      var forms = found.forms
      forms[largest.projection] = .incremental
      found = sized(forms)
    }
    self = found
  }

  /// One block at a time, the gradient of each of `projections` in the same form.
  init(
    _ configuration: ModelConfiguration, _ projections: [Projection], form: GradientForm,
    data: MemoryRequest.Start, storage: ElementType, microTokens: Int, rank: Int
  ) {
    let forms = Dictionary(uniqueKeysWithValues: projections.map { ($0, form) })
    self.init(
      forms: forms,
      blockBytes: BlockGradientCollector.byteCount(
        configuration, forms: forms, tokens: data.tokens, batches: data.sequences,
        storage: storage, rank: rank),
      decomposition: StartMemory.decomposition(
        configuration, forms, storage: storage, tokens: microTokens, rank: rank))
  }

  /// The same with as many kept layers as fit.
  ///
  /// - Parameters:
  ///   - most: layers that the workspace keeps.
  ///   - isSingle: whether there is one micro-batch alone: then each block's gradient is complete at once, and the memory of
  ///     one serves all.
  ///   - room: bytes for gradients, decomposition and activations together.
  ///   - activations: bytes of activations that are touched with so many kept layers.
  func keeping(
    upTo most: Int, isSingle: Bool, room: Int, activations: (Int) -> Int
  ) -> StartMemory {
    var found = self
    while found.keptLayers < most {
      var next = found
      next.keptLayers += 1
      next.heldBlocks = isSingle ? 1 : next.keptLayers
      guard next.total + activations(next.keptLayers) <= room else { break }
      found = next
    }
    return found
  }

  /// One block at a time, in `forms`.
  ///
  /// - Parameter decomposition: bytes of working space for the largest matrix.
  init(forms: [Projection: GradientForm], blockBytes: Int, decomposition: Int) {
    self.forms = forms
    self.blockBytes = blockBytes
    // Large matrices keep all threads busy by themselves.
    sideBySide = max(
      1,
      min(Processor.threads, forms.count, StartMemory.smallDecompositions / max(decomposition, 1)))
    self.decomposition = sideBySide * decomposition
  }

  /// Bytes in which decompositions may run side by side.
  private static let smallDecompositions = 16 << 20

  private static func decomposition(
    _ configuration: ModelConfiguration, _ forms: [Projection: GradientForm], storage: ElementType,
    tokens: Int, rank: Int
  ) -> Int {
    forms.map { projection, form in
      let (rows, columns) = configuration.shape(of: projection)
      return decomposition(
        rows: rows, columns: columns, form, storage: storage, tokens: tokens, rank: rank)
    }.max() ?? 0
  }

  /// Thin matrices of the randomized SVD of one operator [rows, columns] and of the kernels' transposed left sides.
  static func decomposition(
    rows: Int, columns: Int, _ form: GradientForm, storage: ElementType, tokens: Int, rank: Int
  ) -> Int {
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
  }
}
