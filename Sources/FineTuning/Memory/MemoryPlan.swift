internal import Tensors
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
  /// Mean tokens of the steps' micro-batches.
  let meanTokens: Double
  /// What changes the adapters, and how they are kept.
  public let optimizer: OptimizerSettings
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

  /// Without --memory, what the start may take beyond training, for blocks that need not be run twice.
  static let startExcess = 32_000_000

  /// What the calling thread keeps for products beside every thread's room: the largest quantized input or output gradient,
  /// of a block or of a chunk of logits.
  private static func productScratch(_ request: MemoryRequest, _ choice: Choice) -> Int {
    let configuration = request.configuration
    func bytes(_ tokens: Int, _ columns: Int) -> Int {
      request.arithmetic.scratchByteCount(tokens: tokens, columns: columns)
    }
    return max(
      bytes(choice.extent.tokens, max(configuration.widestInput, configuration.widestOutput)),
      bytes(min(choice.lossRows, choice.extent.tokens), configuration.vocabularySize))
  }

  /// Bytes of a workspace that a start does not touch, by the layers whose products it keeps: products of the others, and
  /// the inputs of all below (`Workspace.keptLayerLimit`).
  private static func untouched(
    _ configuration: ModelConfiguration, _ shape: WorkspaceShape
  ) -> (_ kept: Int) -> Int {
    var single = shape
    single.checkpointing = Checkpointing(keptLayers: 1)
    let layers = configuration.layerCount
    let most = min(max(shape.checkpointing?.keptLayers ?? 0, 1), layers)
    let products =
      Workspace.byteCount(configuration, shape) - Workspace.byteCount(configuration, single)
    let product = most > 1 ? products / (most - 1) : 0
    let input =
      shape.spillsBoundaries
      ? 0 : Arena.size(rows: shape.tokens, columns: configuration.width, type: shape.storage)
    return { product * max(0, most - $0) + input * max(0, layers - 1 - $0) }
  }

  /// What `choice` needs.
  init(_ request: MemoryRequest, _ choice: Choice) {
    let configuration = request.configuration
    workspace = WorkspaceShape(
      tokens: choice.extent.tokens, storage: request.storage,
      rank: request.layout.slots.map(\.rank).max() ?? 0,
      checkpointing: Checkpointing(keptLayers: choice.keptLayers), lossRows: choice.lossRows,
      spillsBoundaries: choice.spills, adaptsExperts: request.layout.adaptsExperts,
      dropsInputs: request.optimizer.dropout > 0)
    microTokens = choice.microTokens
    meanTokens = choice.extent.meanTokens
    streamsWeights = choice.streams
    let (layout, settings) = (request.layout, request.optimizer)
    optimizer = settings
    let count = layout.count
    let gradients = AdapterSet.gradientByteCount(layout, freezesA: settings.freezesA)
    let state = settings.stateByteCount(layout)
    let scratch = settings.scratchByteCount(layout)
    var parts = [
      Part(
        name: choice.streams ? "model weights, streamed" : "model file",
        bytes: choice.streams ? request.streamedBytes : request.fileBytes, phase: .always),
      Part(name: "program and libraries", bytes: Self.programBytes, phase: .always),
      Part(
        name: "tokenizer", bytes: Self.bytesPerToken * configuration.vocabularySize, phase: .always),
      Part(name: "data set", bytes: request.dataBytes, phase: .always),
      Part(
        name: "adapters",
        bytes: AdapterSet.byteCount(
          layout, storage: request.storage, precision: settings.precision),
        phase: .always),
      Part(
        name: "scratch of the kernels",
        bytes: choice.extent.attentionScratch + request.threads * Self.bytesPerThread
          + MemoryPlan.productScratch(request, choice),
        phase: .always),
      Part(name: "adapter gradients", bytes: gradients, phase: .training),
      Part(name: "optimizer state", bytes: state, phase: .training),
      Part(name: "scaling of gradients", bytes: scratch, phase: .training),
      Part(
        name: "writing the results", bytes: count * Self.savingBytesPerParameter, phase: .saving),
    ]
    let activations = Workspace.byteCount(configuration, workspace)
    let most = min(max(choice.keptLayers, 1), configuration.layerCount)
    let untouched = MemoryPlan.untouched(configuration, workspace)
    let routing = Workspace.routingByteCount(configuration, workspace)
    start = request.start.map { start in
      let training = gradients + state + scratch + activations
      let others = parts.reduce(routing) { $1.phase == .always ? $0 + $1.bytes : $0 }
      let room: Int? =
        switch choice.startRoom {
        case .exact: nil
        case .budget: request.budget.map { $0 - others - activations + untouched(1) }
        case .smallest: training - activations + untouched(1)
        }
      if start.source == .inputs {
        return StartMemory(
          inputsOf: configuration, request.layout, data: start, storage: request.storage,
          microTokens: choice.extent.tokens, room: room)
      }
      // Streamed weights would be read again for each micro-batch: there a block is done with before the next begins.
      let isSingle = start.tokens <= choice.extent.tokens
      return StartMemory(
        configuration, request.layout, data: start, storage: request.storage,
        microTokens: choice.extent.tokens, room: room
      ).keeping(
        upTo: choice.streams && !isSingle ? 1 : most, isSingle: isSingle,
        room: request.budget.map { max($0 - others, training) } ?? training + Self.startExcess
      ) { activations - untouched($0) }
    }
    if routing > 0 {
      parts.append(Part(name: "choices of the routers", bytes: routing, phase: .computing))
    }
    let later = start.map { untouched($0.keptLayers) } ?? 0
    parts.append(Part(name: "activations", bytes: activations - later, phase: .computing))
    if later > 0 {
      parts.append(Part(name: "activations after the start", bytes: later, phase: .training))
    }
    if let start {
      // A line search comes after both, with all activations, and its copy of the pairs is as large as their gradients.
      let measured = request.start?.source == .inputs ? "inputs of a block" : "gradients of blocks"
      parts.append(
        Part(name: "\(measured) (start)", bytes: start.collector, phase: .start))
      parts.append(Part(name: "decomposition (start)", bytes: start.decomposition, phase: .start))
    }
    self.parts = parts
  }
}
