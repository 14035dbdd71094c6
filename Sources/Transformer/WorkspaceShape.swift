public import Tensors

/// How a backward gets the inside of a block: the outputs of the products of the last layers are kept, of which only norms
/// and activations are recomputed; the other layers keep their input alone and are run again.
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
  /// Whether experts have adapters.
  public var adaptsExperts: Bool
  /// nil: forward only.
  public var checkpointing: Checkpointing?
  /// Rows of logits that exist at a time.
  public var lossRows: Int
  /// Block inputs wait in a file for the backward (`Workspace.openSpill`) instead of in memory.
  public var spillsBoundaries: Bool

  /// Whether the adapters' inputs may have values dropped (`TokenBatch.dropout`).
  public var dropsInputs: Bool

  public init(
    tokens: Int, storage: ElementType, rank: Int, checkpointing: Checkpointing?,
    lossRows: Int = 128, spillsBoundaries: Bool = false, adaptsExperts: Bool = false,
    dropsInputs: Bool = false
  ) {
    self.tokens = tokens
    self.storage = storage
    self.rank = rank
    self.adaptsExperts = adaptsExperts
    self.checkpointing = checkpointing
    self.lossRows = min(lossRows, max(tokens, 1))
    self.spillsBoundaries = spillsBoundaries
    self.dropsInputs = dropsInputs
  }
}
