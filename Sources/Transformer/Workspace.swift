public import Tensors

/// What a block keeps between its forward and its backward, for one micro-batch.
///
/// `storage` is the activation type (float32 or bfloat16). T = tokens.
struct BlockActivations {
  /// Outputs of the projections: q [T, queryWidth], k, v [T, keyValueWidth]; q and k already rotated.
  let q: Matrix
  let k: Matrix
  let v: Matrix
  /// Attention output [T, queryWidth] and its log-sum-exp [T, heads] float32.
  let attended: Matrix
  let logSumExp: Matrix
  /// Residual stream between attention and feed-forward [T, width].
  let middle: Matrix
  /// Feed-forward gate and up [T, feedForwardWidth]; the backward overwrites them with their gradients.
  let gate: Matrix
  let up: Matrix
  /// scale · x · Aᵀ of each projection [T, rank], by `Projection.rawValue`.
  let u: [Matrix]

  func prefix(_ tokens: Int) -> BlockActivations {
    BlockActivations(
      q: q.prefix(tokens), k: k.prefix(tokens), v: v.prefix(tokens),
      attended: attended.prefix(tokens), logSumExp: logSumExp.prefix(tokens),
      middle: middle.prefix(tokens), gate: gate.prefix(tokens), up: up.prefix(tokens),
      u: u.map { $0.prefix(tokens) })
  }
}

/// How a backward gets the inside of a block: the outputs of the products of the last layers are kept, of which only norms
/// and SwiGLU are recomputed; the other layers keep their input alone and are run again.
public struct Checkpointing: Sendable, Hashable, Codable {
  /// Layers that keep their products, counted from the last; more than there are means all.
  public var keptLayers: Int

  public init(keptLayers: Int) {
    precondition(keptLayers >= 0)
    self.keptLayers = keptLayers
  }

  /// All layers keep their products.
  public static let keepProducts = Checkpointing(keptLayers: .max)
  /// Only block inputs are kept.
  public static let recompute = Checkpointing(keptLayers: 0)
}

/// Sizes that decide a workspace.
public struct WorkspaceShape: Sendable, Hashable {
  /// Most tokens in a micro-batch.
  public var tokens: Int
  /// Storage of activations.
  public var storage: ElementType
  /// Largest adapter rank; 0 without adapters.
  public var rank: Int
  /// nil: forward only.
  public var checkpointing: Checkpointing?
  /// Rows of logits that exist at a time.
  public var lossRows: Int
  /// Block inputs wait in a file for the backward (`Workspace.openSpill`) instead of in memory.
  public var spillsBoundaries: Bool

  public init(
    tokens: Int, storage: ElementType, rank: Int, checkpointing: Checkpointing?,
    lossRows: Int = 128, spillsBoundaries: Bool = false
  ) {
    self.tokens = tokens
    self.storage = storage
    self.rank = rank
    self.checkpointing = checkpointing
    self.lossRows = min(lossRows, max(tokens, 1))
    self.spillsBoundaries = spillsBoundaries
  }
}

/// Every activation and gradient of a micro-batch, in one arena whose size is known before it is made.
///
/// In training, the chunks of the loss and the insides of a block's backward are never alive together and share memory.
public final class Workspace {
  public let shape: WorkspaceShape
  public let arena: Arena

  /// The residual stream [T, width] float32.
  let residual: Matrix
  /// Inputs of the blocks [T, width]: one a layer, one for all (spilled), or none (no training).
  private let boundaries: [Matrix]
  /// One for each layer that keeps its products, at least one; see `block`.
  private let blocks: [BlockActivations]
  private let layerCount: Int
  /// A normalized input [T, width].
  let normed: Matrix
  /// silu(gate) · up [T, feedForwardWidth].
  let activated: Matrix
  /// Logits of a chunk [lossRows, vocabulary] float32, and its rows on the way to them.
  let logits: Matrix
  let lossInput: Matrix
  let lossNormed: Matrix
  /// Gradients; nil for a forward-only workspace.
  let gradients: GradientWorkspace?

  /// Most layers that keep their products, of those that there is memory for: a start that needs the rest for gradients
  /// lowers it, and the pages of the others are never touched. The inputs of all blocks below share that of the highest.
  public var keptLayerLimit = Int.max

  private var spill: SpillFile?
  /// The first failure of the spill file; whatever was computed since is worthless.
  public private(set) var spillFailure: TensorError?

  public init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape) throws(TensorError) {
    self.shape = shape
    let layout = WorkspaceLayout(configuration, shape)
    let arena = try Arena("activations", byteCount: layout.byteCount)
    self.arena = arena
    layerCount = configuration.layerCount
    let tokens = shape.tokens
    let storage = shape.storage
    func make(_ columns: Int, _ type: ElementType? = nil, rows: Int? = nil) -> Matrix {
      arena.allocate(rows: rows ?? tokens, columns: columns, type: type ?? storage)
    }
    residual = make(configuration.width, .float32)
    boundaries = (0..<layout.boundaryCount).map { _ in make(configuration.width) }
    blocks = (0..<layout.blockCount).map { _ in
      BlockActivations(
        q: make(configuration.queryWidth), k: make(configuration.keyValueWidth),
        v: make(configuration.keyValueWidth), attended: make(configuration.queryWidth),
        logSumExp: make(configuration.attention.heads, .float32),
        middle: make(configuration.width), gate: make(configuration.feedForwardWidth),
        up: make(configuration.feedForwardWidth),
        u: shape.rank > 0 ? Projection.allCases.map { _ in make(shape.rank) } : [])
    }
    let isTraining = shape.checkpointing != nil
    let residualGradient = isTraining ? make(configuration.width, .float32) : nil
    let shared = arena.used
    logits = make(configuration.vocabularySize, .float32, rows: shape.lossRows)
    lossInput = make(configuration.width, .float32, rows: shape.lossRows)
    lossNormed = make(configuration.width, rows: shape.lossRows)
    guard let residualGradient else {
      normed = make(configuration.width)
      activated = make(configuration.feedForwardWidth)
      gradients = nil
      return
    }
    let lossGradients = (
      logits: make(configuration.vocabularySize, rows: shape.lossRows),
      normed: make(configuration.width, .float32, rows: shape.lossRows),
      input: make(configuration.width, .float32, rows: shape.lossRows)
    )
    arena.release(to: shared)
    normed = make(configuration.width)
    activated = make(configuration.feedForwardWidth)
    gradients = GradientWorkspace(
      residual: residualGradient,
      stored: make(configuration.width),
      normed: make(configuration.width, .float32),
      activated: make(configuration.feedForwardWidth),
      attended: make(configuration.queryWidth),
      q: make(configuration.queryWidth), k: make(configuration.keyValueWidth),
      v: make(configuration.keyValueWidth),
      projected: shape.rank > 0 ? make(shape.rank) : nil,
      logits: lossGradients.logits, lossNormed: lossGradients.normed,
      lossInput: lossGradients.input)
  }

  /// Bytes that such a workspace maps.
  public static func byteCount(_ configuration: ModelConfiguration, _ shape: WorkspaceShape) -> Int
  {
    WorkspaceLayout(configuration, shape).byteCount
  }

  /// Where block `layer` leaves its insides. Layers that are run again use the memory of the lowest kept layer: below it in
  /// the forward they are done before it begins, and in the backward it is done before they do.
  func block(_ layer: Int) -> BlockActivations {
    let lowest = layerCount - max(1, min(blocks.count, keptLayerLimit))
    return blocks[max(layer, lowest) - (layerCount - blocks.count)]
  }

  /// Whether the insides of block `layer` are there for its backward.
  func keepsProducts(_ layer: Int) -> Bool {
    layer >= layerCount - min(shape.checkpointing?.keptLayers ?? 0, layerCount, keptLayerLimit)
  }

  /// The kept input of block `layer`; nil without training. Spilled ones are there after `readBoundary`.
  func boundary(_ layer: Int) -> Matrix? {
    guard !boundaries.isEmpty else { return nil }
    if boundaries.count == 1 { return boundaries[0] }
    // Below a limit the inputs pass through one place: whoever sets it puts them away.
    return boundaries[max(layer, layerCount - 1 - min(keptLayerLimit, layerCount - 1))]
  }

  // MARK: - Spilled boundaries

  /// Opens the file that block inputs wait in; to be called once before the first forward of a shape that spills.
  /// Throws `TensorError.cannotSpill`.
  public func openSpill(directory: String) throws(TensorError) {
    guard shape.spillsBoundaries, spill == nil else { return }
    spill = try SpillFile(directory: directory)
  }

  /// Parks the input of block `layer`.
  func writeBoundary(_ layer: Int, tokens: Int) {
    withSpill(layer, tokens: tokens) { spill, rows, offset throws(TensorError) in
      try spill.write(rows, at: offset)
    }
  }

  /// Brings the input of block `layer` back.
  func readBoundary(_ layer: Int, tokens: Int) {
    withSpill(layer, tokens: tokens) { spill, rows, offset throws(TensorError) in
      try spill.read(into: rows, at: offset)
    }
  }

  private func withSpill(
    _ layer: Int, tokens: Int, _ body: (SpillFile, Matrix, Int) throws(TensorError) -> Void
  ) {
    guard shape.spillsBoundaries, let boundary = boundary(layer), spillFailure == nil else {
      return
    }
    guard let spill else { preconditionFailure("openSpill comes before the first forward") }
    do throws(TensorError) {
      try body(spill, boundary.prefix(tokens), layer * boundary.byteCount)
    } catch {
      spillFailure = error
    }
  }
}

/// Gradients on their way down; see `Workspace` for the shapes.
struct GradientWorkspace {
  let residual: Matrix
  let stored: Matrix
  let normed: Matrix
  let activated: Matrix
  let attended: Matrix
  let q: Matrix
  let k: Matrix
  let v: Matrix
  let projected: Matrix?
  let logits: Matrix
  let lossNormed: Matrix
  let lossInput: Matrix
}

/// The sum of a workspace's parts, in the order of its initializer.
private struct WorkspaceLayout {
  let boundaryCount: Int
  let blockCount: Int
  let byteCount: Int

  init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape) {
    let isTraining = shape.checkpointing != nil
    boundaryCount = !isTraining ? 0 : shape.spillsBoundaries ? 1 : configuration.layerCount
    blockCount = min(max(shape.checkpointing?.keptLayers ?? 0, 1), configuration.layerCount)
    func size(_ columns: Int, _ type: ElementType? = nil, rows: Int? = nil) -> Int {
      Arena.size(rows: rows ?? shape.tokens, columns: columns, type: type ?? shape.storage)
    }
    let width = configuration.width
    let query = configuration.queryWidth
    let keyValue = configuration.keyValueWidth
    let inner = configuration.feedForwardWidth
    let block =
      2 * size(query) + 2 * size(keyValue) + size(configuration.attention.heads, .float32)
      + size(width) + 2 * size(inner)
      + (shape.rank > 0 ? Projection.allCases.count * size(shape.rank) : 0)
    let lasting = size(width, .float32) + boundaryCount * size(width) + blockCount * block
    var loss =
      size(configuration.vocabularySize, .float32, rows: shape.lossRows)
      + size(width, .float32, rows: shape.lossRows) + size(width, rows: shape.lossRows)
    var inside = size(width) + size(inner)
    guard isTraining else {
      byteCount = lasting + loss + inside
      return
    }
    loss += size(configuration.vocabularySize, rows: shape.lossRows)
    loss += 2 * size(width, .float32, rows: shape.lossRows)
    inside += size(width) + size(width, .float32) + size(inner) + 2 * size(query)
    inside += 2 * size(keyValue) + (shape.rank > 0 ? size(shape.rank) : 0)
    byteCount = lasting + size(width, .float32) + max(loss, inside)
  }
}
