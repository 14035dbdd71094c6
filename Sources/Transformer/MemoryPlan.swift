public import Tensors

/// What a training run will hold in memory, computed before any of it is allocated.
public struct MemoryPlan: Sendable, Equatable {
  /// One entry of the plan.
  public struct Part: Sendable, Equatable {
    public let name: String
    public let bytes: Int
  }

  public let workspace: WorkspaceShape
  public let parts: [Part]

  /// Bytes of all parts.
  public var total: Int { parts.reduce(0) { $0 + $1.bytes } }

  /// Resident code, libraries, tokenizer and thread scratch, measured and rounded up.
  static let processBytes = 90_000_000

  /// Chooses micro-batch size and checkpointing: the fastest that fits.
  ///
  /// - Parameters:
  ///   - fileBytes: size of the mapped model; all its pages are counted.
  ///   - longest: tokens of the longest sequence; a micro-batch holds at least one.
  ///   - stepTokens: tokens of the largest step; a micro-batch need not hold more.
  ///   - optimizerBytes: bytes a trainable parameter of optimizer state.
  ///   - budget: bytes allowed; nil for the default plan.
  /// - Throws: `TransformerError.doesNotFit` with the smallest budget that works.
  public init(
    _ configuration: ModelConfiguration, _ layout: AdapterLayout, storage: ElementType,
    fileBytes: Int, longest: Int, stepTokens: Int, optimizerBytes: Int, budget: Int?
  ) throws(TransformerError) {
    let candidates = MemoryPlan.candidates(longest: longest, stepTokens: stepTokens)
    var smallest: MemoryPlan?
    for (tokens, checkpointing, lossRows) in candidates {
      let shape = WorkspaceShape(
        tokens: tokens, storage: storage, rank: layout.slots.map(\.rank).max() ?? 0,
        checkpointing: checkpointing, lossRows: lossRows)
      let plan = MemoryPlan(
        shape,
        parts: [
          Part(name: "model file", bytes: fileBytes),
          Part(name: "activations", bytes: Workspace.byteCount(configuration, shape)),
          Part(
            name: "adapters and gradients",
            bytes: AdapterSet.byteCount(layout, storage: storage, trainable: true)),
          Part(name: "optimizer state", bytes: layout.count * optimizerBytes),
          Part(name: "process", bytes: MemoryPlan.processBytes),
        ])
      if plan.total <= budget ?? MemoryPlan.defaultBudget {
        self = plan
        return
      }
      if plan.total < smallest?.total ?? .max { smallest = plan }
    }
    guard let smallest else { preconditionFailure("there is always a candidate") }
    if let budget { throw .doesNotFit(budget: budget, smallest: smallest.total) }
    self = smallest
  }

  /// Without --memory the plan stays under this where it can.
  static let defaultBudget = 640_000_000

  private init(_ workspace: WorkspaceShape, parts: [Part]) {
    self.workspace = workspace
    self.parts = parts
  }

  /// From the fastest to the smallest.
  private static func candidates(
    longest: Int, stepTokens: Int
  ) -> [(tokens: Int, checkpointing: Checkpointing, lossRows: Int)] {
    let most = max(longest, min(stepTokens, 1024))
    let few = max(longest, min(stepTokens, 512))
    return [
      (most, .keepProducts, 256), (few, .keepProducts, 256), (few, .keepProducts, 128),
      (most, .recompute, 128), (few, .recompute, 64),
      (max(longest, min(stepTokens, 256)), .recompute, 64), (longest, .recompute, 32),
      (longest, .recompute, 8),
    ]
  }
}
