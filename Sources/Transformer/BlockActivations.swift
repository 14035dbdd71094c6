internal import Tensors

/// What a block keeps between its forward and its backward, for one micro-batch.
///
/// `storage` is the activation type (float32 or bfloat16). T = tokens; with experts, rows of the feed-forward part are tokens
/// times experts used.
struct BlockActivations {
  /// Queries [T, queryWidth], keys [T, keyWidth], values [T, valueWidth]; q and k rotated, unless a norm stands between: then
  /// they are as the products left them, and the norm and the rotation are made again.
  let q: Matrix
  let k: Matrix
  let v: Matrix
  /// Attention output [T, attendedWidth] and its log-sum-exp [T, heads] float32.
  let attended: Matrix
  let logSumExp: Matrix
  /// Residual stream between attention and feed-forward [T, width].
  let middle: Matrix
  /// Feed-forward gate and up [rows, feedForwardWidth]; the backward overwrites them with their gradients.
  let gate: Matrix
  let up: Matrix
  /// Outputs of attention and feed-forward before the norms after them [T, width]; nil where there are none.
  let attentionOutput: Matrix?
  let feedForwardOutput: Matrix?
  /// scale · x · Aᵀ of each projection [T, rank], of experts [rows, rank], by `Projection.rawValue`; nil without adapters.
  let u: [Matrix?]
  private let rowsPerToken: Int

  /// Takes its buffers from `arena`.
  init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape, in arena: Arena) {
    let rows = configuration.experts?.used ?? 1
    func make(_ columns: Int, _ type: ElementType? = nil, rows: Int = 1) -> Matrix {
      arena.allocate(rows: rows * shape.tokens, columns: columns, type: type ?? shape.storage)
    }
    let normsAfter = configuration.layers.contains(where: \.normsAfter)
    rowsPerToken = rows
    q = make(configuration.queryWidth)
    k = make(configuration.keyWidth)
    v = make(configuration.valueWidth)
    attended = make(configuration.attendedWidth)
    logSumExp = make(configuration.attention.heads, .float32)
    middle = make(configuration.width)
    gate = make(configuration.feedForwardWidth, rows: rows)
    up = make(configuration.feedForwardWidth, rows: rows)
    attentionOutput = normsAfter ? make(configuration.width) : nil
    feedForwardOutput = normsAfter ? make(configuration.width) : nil
    var u = [Matrix?](repeating: nil, count: Projection.indexCount)
    if shape.rank > 0 {
      for projection in configuration.projections { u[projection.rawValue] = make(shape.rank) }
      for projection in shape.adaptsExperts ? configuration.expertProjections : [] {
        u[projection.rawValue] = make(shape.rank, rows: rows)
      }
    }
    self.u = u
  }

  private init(_ all: BlockActivations, tokens: Int) {
    rowsPerToken = all.rowsPerToken
    q = all.q.prefix(tokens)
    k = all.k.prefix(tokens)
    v = all.v.prefix(tokens)
    attended = all.attended.prefix(tokens)
    logSumExp = all.logSumExp.prefix(tokens)
    middle = all.middle.prefix(tokens)
    gate = all.gate.prefix(tokens * all.rowsPerToken)
    up = all.up.prefix(tokens * all.rowsPerToken)
    attentionOutput = all.attentionOutput?.prefix(tokens)
    feedForwardOutput = all.feedForwardOutput?.prefix(tokens)
    u = all.u.enumerated().map { place, u in
      let isExpert = Projection(rawValue: place)?.isExpert ?? false
      return u?.prefix(isExpert ? tokens * all.rowsPerToken : tokens)
    }
  }

  func prefix(_ tokens: Int) -> BlockActivations { BlockActivations(self, tokens: tokens) }
}
