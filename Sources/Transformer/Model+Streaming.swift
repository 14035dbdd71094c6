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
}
