public import Inference
internal import Tensors
public import Transformer

/// What rounds with error feedback: the tuned model on text like that which it was tuned on, block by block as the writer comes
/// by them.
public final class FeedbackRounding {
  private let inputs: InputGrams
  private let projections: [String: (layer: Int, projection: Projection)]
  private var grams: [Projection: DenseMatrix<Float>] = [:]
  private var factors: [Projection: InputFactor] = [:]
  /// The most that was added to a matrix's diagonal, as a share of its mean.
  public private(set) var damping: Float = 0
  /// Tokens that the inputs are measured over.
  public var tokenCount: Int { inputs.tokenCount }

  /// - Parameters:
  ///   - loaded: the base.
  ///   - adapter: what is merged into it.
  ///   - sequences: what the inputs are measured on.
  ///
  /// Throws `TensorError`.
  public init(
    _ loaded: LoadedModel, _ adapter: Adapter?, sequences: [TokenSequence], spillDirectory: String
  ) throws {
    let set = try adapter?.set(for: loaded, storage: .bfloat16)
    inputs = try InputGrams(
      loaded.model, set, sequences: sequences, spillDirectory: spillDirectory)
    let configuration = loaded.model.configuration
    var projections: [String: (layer: Int, projection: Projection)] = [:]
    for layer in 0..<configuration.layerCount {
      for projection in configuration.projections where !projection.isExpert {
        projections[projection.weightName(layer: layer)] = (layer, projection)
      }
    }
    self.projections = projections
  }

  /// What rounds the rows of a tensor; nil where its inputs are not measured. Blocks must be asked for in order.
  ///
  /// Throws `TensorError`, `TrainingError.stopped`.
  func factor(of tensor: String, stop: StopFlag?) throws -> InputFactor? {
    guard let (layer, projection) = projections[tensor] else { return nil }
    precondition(layer >= inputs.layer - 1, "blocks are asked for in order")
    while inputs.layer <= layer {
      factors = [:]
      grams = try inputs.advance(stop: stop) ?? [:]
    }
    let leader = projection.inputLeader
    if let factor = factors[leader] { return factor }
    guard let gram = grams.removeValue(forKey: leader) else { return nil }
    let factor = try InputFactor(gram: gram)
    damping = max(damping, factor.damping)
    factors[leader] = factor
    return factor
  }
}
