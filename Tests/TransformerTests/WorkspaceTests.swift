import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// What the memory plan may choose changes memory, and no bit of the result.
@Suite
struct WorkspaceTests {
  fileprivate static let synthetic = SyntheticModel(
    layers: 4, width: 32, heads: 4, keyValueHeads: 2, feedForward: 64, vocabulary: 48,
    format: .q8_0, seed: 7)
  /// The same with six experts, of which a token uses two.
  fileprivate static let sparse: SyntheticModel = {
    var model = synthetic
    model.experts = .init(count: 6, used: 2)
    return model
  }()

  enum Kind: CaseIterable {
    case dense, experts

    fileprivate var synthetic: SyntheticModel {
      self == .dense ? WorkspaceTests.synthetic : WorkspaceTests.sparse
    }
  }

  private let batches = [
    TokenBatch([
      TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7]),
      TokenSequence(ids: [3, 4, 40, 41, 2], targets: [-1, -1, 41, 2, 6]),
    ]),
    TokenBatch([TokenSequence(allTargets: [8, 2, 19, 33])]),
  ]

  private struct Result {
    var losses: [Float] = []
    var gradients: [Float] = []
  }

  private func run(_ model: Model, _ shape: WorkspaceShape) throws -> Result {
    let layout = AdapterLayout(model.configuration, rank: 3, alpha: 6, rankStabilized: true)
    let adapters = try AdapterSet(
      layout, layerCount: model.configuration.layerCount, storage: shape.storage, trainable: true)
    var random = SplitMix64(seed: 5)
    for slot in layout.slots {
      adapters.assign(
        slot, a: (0..<slot.rank * slot.in).map { _ in 0.2 * random.normal() },
        bt: (0..<slot.rank * slot.out).map { _ in 0.2 * random.normal() })
    }
    let workspace = try Workspace(model.configuration, shape)
    try workspace.openSpill(directory: FileManager.default.temporaryDirectory.path)
    var result = Result()
    for batch in batches {
      model.forward(batch, adapters: adapters, workspace)
      result.losses += model.loss(batch, workspace, gradientWeight: 0.25)
      model.backward(batch, adapters: adapters, workspace)
    }
    #expect(workspace.spillFailure == nil)
    result.gradients = adapters.gradients?.array() ?? []
    return result
  }

  private func shape(
    kept: Int, spills: Bool = false, storage: ElementType = .bfloat16, lossRows: Int = 4
  ) -> WorkspaceShape {
    WorkspaceShape(
      tokens: 12, storage: storage, rank: 3, checkpointing: Checkpointing(keptLayers: kept),
      lossRows: lossRows, spillsBoundaries: spills)
  }

  @Test(
    "Any number of kept layers, spilled inputs or not: the same bits in float32",
    arguments: [0, 1, 2, 3, 4], Kind.allCases)
  func keptLayersChangeNoBit(_ kept: Int, _ kind: Kind) throws {
    let model = try Model(kind.synthetic.file())
    let expected = try run(model, shape(kept: .max, storage: .float32))
    #expect(expected.gradients.contains { $0 != 0 })
    for spills in [false, true] {
      let found = try run(model, shape(kept: kept, spills: spills, storage: .float32))
      #expect(found.losses == expected.losses)
      let isEqual = found.gradients == expected.gradients
      #expect(isEqual, "spills: \(spills)")
    }
  }

  /// A block that is run again starts from its input rounded to bfloat16, where the forward had the float32 stream.
  @Test(
    "In bfloat16 kept layers change gradients by rounding alone, spilled inputs no bit",
    arguments: [0, 1, 2, 3, 4], Kind.allCases)
  func keptLayersInBFloat16(_ kept: Int, _ kind: Kind) throws {
    let model = try Model(kind.synthetic.file())
    let expected = try run(model, shape(kept: .max))
    let found = try run(model, shape(kept: kept))
    #expect(found.losses == expected.losses)
    var (apart, size): (Float, Float) = (0, 0)
    for (a, b) in zip(found.gradients, expected.gradients) {
      apart += (a - b) * (a - b)
      size += b * b
    }
    #expect(apart < 2.5e-3 * size, "\((apart / size).squareRoot())")
    let spilled = try run(model, shape(kept: kept, spills: true))
    let isEqual = spilled.losses == found.losses && spilled.gradients == found.gradients
    #expect(isEqual)
  }

  @Test("Streamed weights give the bits of mapped ones", arguments: Kind.allCases)
  func streamedWeightsChangeNoBit(_ kind: Kind) throws {
    let path = FileManager.default.temporaryDirectory.path + "/scion-\(UUID().uuidString).gguf"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(kind.synthetic.bytes()).write(to: URL(fileURLWithPath: path))
    var model = try Model(GGUFFile(path: path))
    for shape in [shape(kept: 2), shape(kept: 0, spills: true)] {
      model.streamsWeights = false
      let expected = try run(model, shape)
      model.streamsWeights = true
      let found = try run(model, shape)
      let isEqual = found.losses == expected.losses && found.gradients == expected.gradients
      #expect(isEqual)
    }
    #expect(model.weights.streamedByteCount > 0)
  }

  @Test("Streamed weights of a split model, its first block in two parts, give the same bits")
  func streamsASplitModel() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/scion-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let whole = try Self.synthetic.file()
    let count = whole.tensors.count
    let paths = try SplitModel.write(whole, tensors: [5, count - 9, 4], folder: folder)
    var model = try Model(GGUFFile(path: paths[0]))
    let files = model.configuration.projections.map { model.weights.blocks[0][$0].file.path }
    #expect(Set(files).count == 2)
    model.streamsWeights = true
    let expected = try run(Model(whole), shape(kept: 2))
    let found = try run(model, shape(kept: 2))
    let isEqual = found.losses == expected.losses && found.gradients == expected.gradients
    #expect(isEqual)
  }

  @Test("A workspace maps what the plan counts, and uses all of it", arguments: Kind.allCases)
  func workspaceMapsWhatIsCounted(_ kind: Kind) throws {
    let configuration = try ModelConfiguration(kind.synthetic.file())
    var shapes = [0, 1, 3, 4].flatMap { kept in
      [false, true].flatMap { spills in
        [1, 12].map { shape(kept: kept, spills: spills, lossRows: $0) }
      }
    }
    shapes.append(
      WorkspaceShape(tokens: 9, storage: .float32, rank: 0, checkpointing: nil, lossRows: 2))
    for shape in shapes {
      let workspace = try Workspace(configuration, shape)
      #expect(workspace.arena.byteCount == Workspace.byteCount(configuration, shape), "\(shape)")
      // The chunks of the loss share memory with the insides of a block: the last handed out need not be the end.
      #expect(workspace.arena.used <= workspace.arena.byteCount)
    }
    let least = try Workspace(configuration, shape(kept: 0, spills: true, lossRows: 1))
    #expect(least.arena.used == least.arena.byteCount)
  }
}
