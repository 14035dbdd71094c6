public import Tensors

/// Every activation and gradient of a micro-batch, in one arena whose size is known before it is made.
public final class Workspace {
  public let shape: WorkspaceShape
  public let arena: Arena
  let buffers: WorkspaceBuffers
  private let layerCount: Int
  /// The experts that each layer's router picked, and for which micro-batch: a block that is run again over the same takes
  /// the same.
  var routings: [(batch: TokenBatch, routing: ExpertRouting)?]

  /// Most layers that keep their products, of those that there is memory for: a start that needs the rest for gradients
  /// lowers it, and the pages of the others are never touched. The inputs of all blocks below share that of the highest.
  public var keptLayerLimit = Int.max

  private var spill: SpillFile?
  /// The first failure of the spill file; whatever was computed since is worthless.
  public private(set) var spillFailure: TensorError?

  public init(_ configuration: ModelConfiguration, _ shape: WorkspaceShape) throws(TensorError) {
    self.shape = shape
    arena = try Arena(
      "activations", byteCount: Workspace.byteCount(configuration, shape))
    buffers = WorkspaceBuffers(configuration, shape, in: arena)
    layerCount = configuration.layerCount
    routings = Array(repeating: nil, count: layerCount)
  }

  /// Bytes that such a workspace maps.
  public static func byteCount(_ configuration: ModelConfiguration, _ shape: WorkspaceShape) -> Int
  {
    let arena = Arena(measuring: "activations")
    _ = WorkspaceBuffers(configuration, shape, in: arena)
    return arena.highest
  }

  /// Bytes that routers leave beside the arena: the choice of each layer, and the logits and lists of the one that chooses.
  public static func routingByteCount(
    _ configuration: ModelConfiguration, _ shape: WorkspaceShape
  ) -> Int {
    guard let experts = configuration.experts else { return 0 }
    let choice = ExpertRouting.byteCount(tokens: shape.tokens, experts)
    let logits = shape.tokens * experts.count * MemoryLayout<Float>.stride
    return configuration.layerCount * choice + 2 * choice + logits
  }

  /// Where block `layer` leaves its insides. Layers that are run again use the memory of the lowest kept layer: below it in
  /// the forward they are done before it begins, and in the backward it is done before they do.
  func block(_ layer: Int) -> BlockActivations {
    let blocks = buffers.blocks
    let lowest = layerCount - max(1, min(blocks.count, keptLayerLimit))
    return blocks[max(layer, lowest) - (layerCount - blocks.count)]
  }

  /// Whether the insides of block `layer` are there for its backward.
  func keepsProducts(_ layer: Int) -> Bool {
    layer >= layerCount - min(shape.checkpointing?.keptLayers ?? 0, layerCount, keptLayerLimit)
  }

  /// The kept input of block `layer`; nil without training. Spilled ones are there after `readBoundary`.
  func boundary(_ layer: Int) -> Matrix? {
    let boundaries = buffers.boundaries
    guard !boundaries.isEmpty else { return nil }
    if boundaries.count == 1 { return boundaries[0] }
    // Below a limit the inputs pass through one place: whoever sets it puts them away.
    return boundaries[max(layer, layerCount - 1 - min(keptLayerLimit, layerCount - 1))]
  }

  // MARK: - Spilled boundaries

  /// Opens the file that block inputs wait in; to be called once before the first forward of a shape that spills.
  /// Throws `TensorError.cannotSpill`.
  public func openSpill(directory: String) throws(TensorError) {
    guard shape.spillsBoundaries, spill == nil else { return }
    spill = try SpillFile(directory: directory)
  }

  /// Parks the input of block `layer`.
  func writeBoundary(_ layer: Int, tokens: Int) {
    withSpill(layer, tokens: tokens) { spill, rows, offset throws(TensorError) in
      try spill.write(rows, at: offset)
    }
  }

  /// Brings the input of block `layer` back.
  func readBoundary(_ layer: Int, tokens: Int) {
    withSpill(layer, tokens: tokens) { spill, rows, offset throws(TensorError) in
      try spill.read(into: rows, at: offset)
    }
  }

  private func withSpill(
    _ layer: Int, tokens: Int, _ body: (SpillFile, Matrix, Int) throws(TensorError) -> Void
  ) {
    guard shape.spillsBoundaries, let boundary = boundary(layer), spillFailure == nil else {
      return
    }
    guard let spill else { preconditionFailure("openSpill comes before the first forward") }
    do throws(TensorError) {
      try body(spill, boundary.prefix(tokens), layer * boundary.byteCount)
    } catch {
      spillFailure = error
    }
  }
}
