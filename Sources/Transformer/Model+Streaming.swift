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
    guard let gradients = workspace.gradients else {
      preconditionFailure("a workspace without checkpointing has no gradient")
    }
    return gradients.residual.prefix(tokens)
  }

  /// The residual stream [tokens, width] float32.
  public func residual(tokens: Int, _ workspace: Workspace) -> Matrix {
    workspace.residual.prefix(tokens)
  }

  /// The inputs X [tokens, in] of the linear layers of block `layer`, just run forward over `tokens` tokens, each named
  /// by the first projection that reads it (`Projection.inputLeader`) and valid during its call of `body`.
  public func visitInputs<Failure: Error>(
    _ layer: Int, tokens: Int, _ workspace: Workspace,
    _ body: (Projection, Matrix) throws(Failure) -> Void
  ) throws(Failure) {
    let saved = workspace.block(layer).prefix(tokens)
    let normed = workspace.normed.prefix(tokens)
    // The forward leaves the inputs of the feed-forward; the norm before the attention is computed again over the first.
    try body(.gate, normed)
    try body(.down, workspace.activated.prefix(tokens))
    try body(.output, saved.attended)
    rmsNorm(
      into: normed, boundary(layer, tokens: tokens, workspace),
      weight: weights.blocks[layer].attentionNorm, epsilon: configuration.normEpsilon)
    try body(.query, normed)
  }
}
