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

/// How a backward gets the inside of a block.
public enum Checkpointing: String, Sendable, Hashable, Codable {
  /// Outputs of the products are kept; only norms and SwiGLU are recomputed.
  case keepProducts
  /// Only block inputs are kept; each block is run again before its backward.
  case recompute
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

  public init(
    tokens: Int, storage: ElementType, rank: Int, checkpointing: Checkpointing?,
    lossRows: Int = 128
  ) {
    self.tokens = tokens
    self.storage = storage
    self.rank = rank
    self.checkpointing = checkpointing
    self.lossRows = min(lossRows, max(tokens, 1))
  }
}

/// Every activation and gradient of a micro-batch, in one arena whose size is known before it is made.
public final class Workspace {
  public let shape: WorkspaceShape
  public let arena: Arena

  /// The residual stream [T, width] float32.
  let residual: Matrix
  /// Inputs of the blocks [T, width], one a layer (training) or none.
  let boundaries: [Matrix]
  /// One a layer (`keepProducts`) or one for all.
  let blocks: [BlockActivations]
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

  public init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape) throws(TensorError) {
    self.shape = shape
    let layout = WorkspaceLayout(configuration, shape)
    let arena = try Arena("activations", byteCount: layout.byteCount)
    self.arena = arena
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
    normed = make(configuration.width)
    activated = make(configuration.feedForwardWidth)
    logits = make(configuration.vocabularySize, .float32, rows: shape.lossRows)
    lossInput = make(configuration.width, .float32, rows: shape.lossRows)
    lossNormed = make(configuration.width, rows: shape.lossRows)
    guard shape.checkpointing != nil else {
      gradients = nil
      return
    }
    gradients = GradientWorkspace(
      residual: make(configuration.width, .float32),
      stored: make(configuration.width),
      normed: make(configuration.width, .float32),
      activated: make(configuration.feedForwardWidth),
      attended: make(configuration.queryWidth),
      q: make(configuration.queryWidth), k: make(configuration.keyValueWidth),
      v: make(configuration.keyValueWidth),
      projected: shape.rank > 0 ? make(shape.rank) : nil,
      logits: make(configuration.vocabularySize, rows: shape.lossRows),
      lossNormed: make(configuration.width, .float32, rows: shape.lossRows),
      lossInput: make(configuration.width, .float32, rows: shape.lossRows))
  }

  /// Bytes that such a workspace maps.
  public static func byteCount(_ configuration: ModelConfiguration, _ shape: WorkspaceShape) -> Int
  {
    WorkspaceLayout(configuration, shape).byteCount
  }

  func block(_ layer: Int) -> BlockActivations { blocks[blocks.count == 1 ? 0 : layer] }
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
    let training = shape.checkpointing != nil
    boundaryCount = training ? configuration.layerCount : 0
    blockCount = shape.checkpointing == .keepProducts ? configuration.layerCount : 1
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
    var total = size(width, .float32) + boundaryCount * size(width) + blockCount * block
    total += size(width) + size(inner)
    total += size(configuration.vocabularySize, .float32, rows: shape.lossRows)
    total += size(width, .float32, rows: shape.lossRows) + size(width, rows: shape.lossRows)
    if training {
      total += 2 * size(width, .float32) + size(width) + size(inner) + 2 * size(query)
      total += 2 * size(keyValue) + (shape.rank > 0 ? size(shape.rank) : 0)
      total += size(configuration.vocabularySize, rows: shape.lossRows)
      total += 2 * size(width, .float32, rows: shape.lossRows)
    }
    byteCount = total
  }
}
