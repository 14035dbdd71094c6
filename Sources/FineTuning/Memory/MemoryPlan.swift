public import Transformer

/// What a run will hold in memory, and how it will work within it, decided before any of it is allocated.
///
/// A run has phases that follow each other (start, training, saving); each part of the plan says in which it is there, and
/// the peak is that of the largest phase. Every arena is counted whole. What no arena holds (code, libraries, tokenizer, the
/// allocator's heap) is counted by constants that were measured on Debian 12.
public struct MemoryPlan: Sendable, Equatable {
  /// When a part is there.
  public enum Phase: String, Sendable, Equatable, Codable {
    case always
    /// While the model runs: in the start and in training. Its pages are given back before results are written.
    case computing
    case start
    /// From the first step on.
    case training
    case saving
  }

  /// One entry of the plan.
  public struct Part: Sendable, Equatable, Codable {
    public let name: String
    public let bytes: Int
    public let phase: Phase
  }

  public let workspace: WorkspaceShape
  /// Limit on the tokens of a micro-batch of several sequences.
  public let microTokens: Int
  /// Weights are given back after use and read again.
  public let streamsWeights: Bool
  /// How the start's gradient is held; nil when it takes none.
  public let start: StartMemory?
  public let parts: [Part]

  /// Layers that keep their products.
  public var keptLayers: Int { workspace.checkpointing?.keptLayers ?? 0 }

  /// Bytes of the largest phase: the most that will be resident.
  public var total: Int {
    [.start, .training, .saving].map(peak).max() ?? 0
  }

  /// Bytes resident in one of the phases start, training and saving.
  public func peak(_ phase: Phase) -> Int {
    let present: Set<Phase> =
      switch phase {
      case .start: [.always, .computing, .start]
      case .saving: [.always, .training, .saving]
      default: [.always, .computing, .training]
      }
    return parts.reduce(0) { present.contains($1.phase) ? $0 + $1.bytes : $0 }
  }

  // MARK: - What no arena holds

  /// Resident pages of the program, its libraries and their data.
  static let programBytes = 44_000_000
  /// Tokenizer and metadata, by token of the vocabulary.
  static let bytesPerToken = 200
  /// A worker's panels, strip and stack.
  static let bytesPerThread = 1_000_000
  /// A parameter on its way to the adapter files.
  static let savingBytesPerParameter = 12

  /// What `choice` needs.
  init(_ request: MemoryRequest, _ choice: Choice) {
    let configuration = request.configuration
    workspace = WorkspaceShape(
      tokens: choice.extent.tokens, storage: request.storage,
      rank: request.layout.slots.map(\.rank).max() ?? 0,
      checkpointing: Checkpointing(keptLayers: choice.keptLayers), lossRows: choice.lossRows,
      spillsBoundaries: choice.spills)
    microTokens = choice.microTokens
    streamsWeights = choice.streams
    let count = request.layout.count
    let gradients = 4 * count
    let adapters =
      AdapterSet.byteCount(request.layout, storage: request.storage, trainable: true) - gradients
    var parts = [
      Part(
        name: choice.streams ? "model weights, streamed" : "model file",
        bytes: choice.streams ? request.streamedBytes : request.fileBytes, phase: .always),
      Part(name: "program and libraries", bytes: Self.programBytes, phase: .always),
      Part(
        name: "tokenizer", bytes: Self.bytesPerToken * configuration.vocabularySize, phase: .always),
      Part(name: "data set", bytes: request.dataBytes, phase: .always),
      Part(name: "adapters", bytes: adapters, phase: .always),
      Part(
        name: "scratch of the kernels",
        bytes: choice.extent.attentionScratch + request.threads * Self.bytesPerThread
          + request.arithmetic.scratchByteCount(
            tokens: choice.extent.tokens, columns: configuration.widestInput),
        phase: .always),
      Part(name: "adapter gradients", bytes: gradients, phase: .training),
      Part(
        name: "optimizer state", bytes: count * request.optimizerBytes, phase: .training),
      Part(
        name: "writing the results", bytes: count * Self.savingBytesPerParameter, phase: .saving),
    ]
    let activations = Workspace.byteCount(configuration, workspace)
    var shape = workspace
    shape.checkpointing = Checkpointing(keptLayers: 1)
    let single = Workspace.byteCount(configuration, shape)
    let most = min(max(choice.keptLayers, 1), configuration.layerCount)
    let productBytes = most > 1 ? (activations - single) / (most - 1) : 0
    start = request.start.map { start in
      let inTraining = gradients + count * request.optimizerBytes + activations - single
      let others = parts.reduce(0) { $1.phase == .always ? $0 + $1.bytes : $0 }
      let room: Int? =
        switch choice.startRoom {
        case .exact: nil
        case .budget: request.budget.map { $0 - others - single }
        case .smallest: inTraining
        }
      // Streamed weights would be read again for each micro-batch: there a block is done with before the next begins.
      let isSingle = start.tokens <= choice.extent.tokens
      return StartMemory(
        configuration, request.layout, data: start, storage: request.storage,
        microTokens: choice.extent.tokens, room: room
      ).keeping(
        upTo: choice.streams && !isSingle ? 1 : most, isSingle: isSingle,
        productBytes: productBytes, room: inTraining)
    }
    // The start touches the products of the layers alone that it keeps.
    let later = start.map { productBytes * (most - min($0.keptLayers, most)) } ?? 0
    parts.append(Part(name: "activations", bytes: activations - later, phase: .computing))
    if later > 0 {
      parts.append(Part(name: "activations after the start", bytes: later, phase: .training))
    }
    if let start {
      parts.append(
        Part(name: "gradients of blocks (start)", bytes: start.collector, phase: .start))
      parts.append(Part(name: "decomposition (start)", bytes: start.decomposition, phase: .start))
    }
    self.parts = parts
  }
}
