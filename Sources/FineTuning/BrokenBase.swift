internal import Foundation
internal import Inference
internal import ModelFiles
internal import Tensors
internal import Transformer

/// Looks for the place where a base alone stops computing numbers: asked when a loss is not one, to tell a broken file from
/// adapters that diverged.
struct BrokenBase {
  let loaded: LoadedModel

  /// What `batch` does in the base: its mean loss, or where the first number is lost, as a message says it.
  enum Finding: Equatable {
    case sound(loss: Double)
    case broken(place: String)
  }

  /// Runs the base over `batch`. The workspace's contents are lost.
  func look(_ batch: TokenBatch, _ model: Model, _ workspace: Workspace) -> Finding {
    model.embed(batch.ids, workspace)
    let residual = model.residual(tokens: batch.tokenCount, workspace)
    guard residual.isFinite else {
      return .broken(place: place("token_embd.", in: "the embedding"))
    }
    for layer in 0..<model.configuration.layerCount {
      model.forwardBlock(layer, batch, adapters: nil, workspace)
      guard residual.isFinite else {
        return .broken(place: place("blk.\(layer).", in: "block \(layer)"))
      }
    }
    let losses = model.loss(batch, workspace)
    let sum = losses.reduce(0) { $0 + Double($1) }
    guard sum.isFinite else {
      return .broken(place: place("output", "token_embd.", in: "the head"))
    }
    return .sound(loss: sum / Double(max(losses.count, 1)))
  }

  /// Names the tensor whose values are not numbers, when there is one.
  private func place(_ prefixes: String..., in name: String) -> String {
    let tensors = loaded.file.tensors.filter { tensor in
      prefixes.contains { tensor.name.hasPrefix($0) }
    }
    if let tensor = tensors.first(where: { !isFinite($0) }) {
      return "its tensor \(tensor.name) holds values that are not numbers"
    }
    return "\(name) computes values that are not numbers"
  }

  private func isFinite(_ tensor: GGUFTensor) -> Bool {
    (try? loaded.file.rows(of: tensor))?.isFinite ?? true
  }
}
