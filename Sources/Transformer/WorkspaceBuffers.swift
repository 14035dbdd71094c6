internal import Tensors

/// Every activation and gradient of a micro-batch: one list, measured over an arena without memory and mapped over a real one.
///
/// T = tokens. In training, the chunks of the loss and the insides of a block are never alive together and share memory.
struct WorkspaceBuffers {
  /// The residual stream [T, width] float32.
  let residual: Matrix
  /// Inputs of the blocks [T, width]: one a layer, one for all (spilled), or none (no training).
  let boundaries: [Matrix]
  /// One for each layer that keeps its products, at least one.
  let blocks: [BlockActivations]
  let loss: LossBuffers
  let inside: InsideBuffers
  /// nil for a forward-only workspace.
  let gradients: GradientBuffers?

  init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape, in arena: Arena) {
    let (width, layers) = (configuration.width, configuration.layerCount)
    let isTraining = shape.checkpointing != nil
    func make(_ columns: Int, _ type: ElementType? = nil) -> Matrix {
      arena.allocate(rows: shape.tokens, columns: columns, type: type ?? shape.storage)
    }
    residual = make(width, .float32)
    boundaries = (0..<(!isTraining ? 0 : shape.spillsBoundaries ? 1 : layers)).map { _ in
      make(width)
    }
    blocks = (0..<min(max(shape.checkpointing?.keptLayers ?? 0, 1), layers)).map { _ in
      BlockActivations(configuration, shape, in: arena)
    }
    let dResidual = isTraining ? make(width, .float32) : nil
    let shared = arena.used
    loss = LossBuffers(configuration, shape, in: arena)
    if isTraining { arena.release(to: shared) }
    inside = InsideBuffers(configuration, shape, in: arena)
    gradients = dResidual.map {
      GradientBuffers(residual: $0, configuration, shape, in: arena)
    }
  }
}

/// A chunk of logits and its rows on the way to them: [lossRows, …].
struct LossBuffers {
  /// [lossRows, vocabulary] float32.
  let logits: Matrix
  let input: Matrix
  let normed: Matrix
  /// Their gradients; nil for a forward-only workspace.
  let gradients: (logits: Matrix, normed: Matrix, input: Matrix)?

  init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape, in arena: Arena) {
    func make(_ columns: Int, _ type: ElementType? = nil) -> Matrix {
      arena.allocate(rows: shape.lossRows, columns: columns, type: type ?? shape.storage)
    }
    logits = make(configuration.vocabularySize, .float32)
    input = make(configuration.width, .float32)
    normed = make(configuration.width)
    gradients =
      shape.checkpointing == nil
      ? nil
      : (
        make(configuration.vocabularySize), make(configuration.width, .float32),
        make(configuration.width, .float32)
      )
  }
}

/// What lives while one block runs, forward or backward.
struct InsideBuffers {
  /// A normalized input [T, width].
  let normed: Matrix
  /// activation(gate) · up [rows, feedForwardWidth].
  let activated: Matrix
  /// Normalized and rotated queries and keys; nil where they are rotated in place.
  let q: Matrix?
  let k: Matrix?
  /// Output of a fused product [T, its width]; nil where there is none.
  let fused: Matrix?
  /// What a sublayer adds [T, width], where it must be held and is not kept.
  let sublayer: Matrix?
  /// An adapter's input with values dropped [T, the widest]; nil where nothing is dropped.
  let dropped: Matrix?
  /// nil without experts.
  let experts: ExpertBuffers?

  init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape, in arena: Arena) {
    func make(_ columns: Int, rows: Int = 1) -> Matrix {
      arena.allocate(rows: rows * shape.tokens, columns: columns, type: shape.storage)
    }
    normed = make(configuration.width)
    activated = make(configuration.feedForwardWidth, rows: configuration.experts?.used ?? 1)
    let isNormed = configuration.layers.contains { $0.queryKeyNorm != nil }
    q = isNormed ? make(configuration.queryWidth) : nil
    k = isNormed ? make(configuration.keyWidth) : nil
    let fusedWidths = configuration.projections.filter { !$0.parts.isEmpty }
      .map { configuration.shape(of: $0).out }
    fused = fusedWidths.max().map { make($0) }
    let holds = configuration.layers.contains { $0.holdsSublayerOutput && !$0.normsAfter }
    sublayer = holds ? make(configuration.width) : nil
    let widest = configuration.projections.map { configuration.shape(of: $0).in }.max()
    dropped = shape.dropsInputs ? widest.map { make($0) } : nil
    experts = configuration.experts.map { ExpertBuffers(configuration, shape, $0, in: arena) }
  }
}

/// Rows of tokens, sorted by the expert that takes them: R = tokens · experts used.
struct ExpertBuffers {
  /// Logits of the router [T, experts] float32, in the backward their gradients.
  let logits: Matrix
  /// Inputs [R, width], in the backward the gradients of the outputs.
  let input: Matrix
  /// Outputs [R, width]; in the backward the gathered inputs.
  let output: Matrix
  /// Gradients of the inputs [R, width] float32; nil for a forward-only workspace.
  let inputGradient: Matrix?

  init(
    _ configuration: ModelConfiguration, _ shape: WorkspaceShape, _ experts: ExpertShape,
    in arena: Arena
  ) {
    let rows = shape.tokens * experts.used
    logits = arena.allocate(rows: shape.tokens, columns: experts.count, type: .float32)
    input = arena.allocate(rows: rows, columns: configuration.width, type: shape.storage)
    output = arena.allocate(rows: rows, columns: configuration.width, type: shape.storage)
    inputGradient =
      shape.checkpointing == nil
      ? nil : arena.allocate(rows: rows, columns: configuration.width, type: .float32)
  }
}

/// Gradients on their way down.
struct GradientBuffers {
  /// Of the residual stream [T, width] float32.
  let residual: Matrix
  /// The same, or that of what a sublayer adds, in the storage type.
  let stored: Matrix
  /// Of a normalized input [T, width] float32.
  let normed: Matrix
  /// Of `activated` [rows, feedForwardWidth].
  let activated: Matrix
  /// Of attention's output [T, attendedWidth].
  let attended: Matrix
  /// Of rotated queries and keys, and of values.
  let q: Matrix
  let k: Matrix
  let v: Matrix
  /// scale · dy · B of an adapter [T, rank], of experts [rows, rank]; nil without adapters.
  let projected: Matrix?

  init(
    residual: Matrix, _ configuration: ModelConfiguration, _ shape: WorkspaceShape, in arena: Arena
  ) {
    func make(_ columns: Int, _ type: ElementType? = nil, rows: Int = 1) -> Matrix {
      arena.allocate(rows: rows * shape.tokens, columns: columns, type: type ?? shape.storage)
    }
    self.residual = residual
    stored = make(configuration.width)
    normed = make(configuration.width, .float32)
    activated = make(configuration.feedForwardWidth, rows: configuration.experts?.used ?? 1)
    attended = make(configuration.attendedWidth)
    q = make(configuration.queryWidth)
    k = make(configuration.keyWidth)
    v = make(configuration.valueWidth)
    let rows = shape.adaptsExperts ? configuration.experts?.used ?? 1 : 1
    projected = shape.rank > 0 ? make(shape.rank, rows: rows) : nil
  }
}
