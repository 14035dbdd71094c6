public import Tensors

// What a layer-by-layer pass over many micro-batches needs: the kept inputs and the gradient between blocks,
// taken out of a workspace and put back.

extension Model {
  /// The input of block `layer` for the batch just run [tokens, width], in the storage type. In a workspace that spills,
  /// only that of the block just run.
  public func boundary(_ layer: Int, tokens: Int, _ workspace: Workspace) -> Matrix {
    guard let boundary = workspace.boundary(layer) else {
      preconditionFailure("a workspace without checkpointing keeps no inputs")
    }
    return boundary.prefix(tokens)
  }

  /// The gradient of the residual stream between blocks [tokens, width] float32.
  public func residualGradient(tokens: Int, _ workspace: Workspace) -> Matrix {
    guard let gradients = workspace.buffers.gradients else {
      preconditionFailure("a workspace without checkpointing has no gradient")
    }
    return gradients.residual.prefix(tokens)
  }

  /// The residual stream [tokens, width] float32.
  public func residual(tokens: Int, _ workspace: Workspace) -> Matrix {
    workspace.buffers.residual.prefix(tokens)
  }

  /// The inputs X [tokens, in] of the linear layers of block `layer`, just run forward over `tokens` tokens, each named
  /// by the first projection that reads it (`Projection.inputLeader`) and valid during its call of `body`.
  public func visitInputs<Failure: Error>(
    _ layer: Int, tokens: Int, _ workspace: Workspace,
    _ body: (Projection, Matrix) throws(Failure) -> Void
  ) throws(Failure) {
    let saved = workspace.block(layer).prefix(tokens)
    let inside = workspace.buffers.inside
    let normed = inside.normed.prefix(tokens)
    let leaders = Set(configuration.projections.map(\.inputLeader))
    // The forward leaves the inputs of the feed-forward; those of the attention are made again over the first.
    for leader in [Projection.gate, .gateUp] where leaders.contains(leader) {
      try body(leader, normed)
    }
    if leaders.contains(.down) { try body(.down, inside.activated.prefix(tokens)) }
    try body(.output, saved.attended)
    let x = boundary(layer, tokens: tokens, workspace)
    if let norm = weights.blocks[layer].attentionNorm {
      norm.apply(into: normed, x, epsilon: configuration.normEpsilon)
    } else {
      normed.assign(x)
    }
    for leader in [Projection.query, .queryKeyValue] where leaders.contains(leader) {
      try body(leader, normed)
    }
  }
}
