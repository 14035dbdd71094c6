import ModelFiles
import TestSupport
import Testing

@testable import Transformer

/// Heads whose values have another size than their keys, and heads that are no multiple of a vector.
@Suite
struct HeadSizeTests {
  /// A model of two blocks with 4 query and 2 key-value heads of these sizes.
  private func model(key: Int, value: Int) throws -> Model {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/heads.gguf"
    var file = EditableModel(
      try SyntheticModel(layers: 2, width: 32, vocabulary: 48, seed: 7).file())
    file.metadata.set("llama.attention.key_length", .uint32(UInt32(key)))
    file.metadata.set("llama.attention.value_length", .uint32(UInt32(value)))
    var random = SplitMix64(seed: 3)
    for layer in 0..<2 {
      for (name, dimensions) in [
        ("attn_q", [32, 4 * key]), ("attn_k", [32, 2 * key]), ("attn_v", [32, 2 * value]),
        ("attn_output", [4 * value, 32]),
      ] {
        let name = "blk.\(layer).\(name).weight"
        file[name] = EditableModel.Tensor(
          name, dimensions, values: random.normals(dimensions[0] * dimensions[1]).map { $0 * 0.2 })
      }
    }
    try file.write(path)
    return try Model(GGUFFile(path: path))
  }

  private let batch = TokenBatch([
    TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7, 40, 3, 2, 18]),
    TokenSequence(ids: [3, 4, 40, 41, 2], targets: [-1, -1, 41, 2, 6]),
  ])

  @Test(
    "Gradients through heads of any two even sizes agree with differences of the loss",
    arguments: [(8, 12), (12, 6), (10, 10), (256, 2)], [Checkpointing.keepProducts, .recompute])
  func gradientsAgree(sizes: (key: Int, value: Int), checkpointing: Checkpointing) throws {
    let model = try model(key: sizes.key, value: sizes.value)
    #expect(model.configuration.attendedWidth == 4 * sizes.value)
    let check = try GradientCheck(model, batch, checkpointing: checkpointing)
    for projection in [Projection.query, .key, .value, .output] {
      let found = try check.derivative(of: .both, seed: 2) { $0.projection == projection }
      #expect(found.error < 5e-3, "\(projection): \(found)")
    }
  }

  @Test("Cached keys and values of two sizes give the logits of one forward")
  func cacheKeepsBothSizes() throws {
    let model = try model(key: 8, value: 12)
    let ids = batch.ids.prefix(11).map { $0 }
    let shape = WorkspaceShape(
      tokens: ids.count, storage: .float32, rank: 0, checkpointing: nil, lossRows: 1)
    let workspace = try Workspace(model.configuration, shape)
    model.forward(TokenBatch([TokenSequence(allTargets: ids)]), adapters: nil, workspace)
    let expected = model.logits(rows: [ids.count - 1], workspace).array()
    let cache = try KeyValueCache(
      model.configuration, slots: 1, capacity: ids.count, storage: .float32)
    for range in [0..<4, 4..<5, 5..<11] {
      model.extend(
        ids: Array(ids[range]), slots: range.map { _ in 0 }, positions: range.map { Int32($0) },
        adapters: nil, cache: cache, workspace)
    }
    let found = model.logits(rows: [5], workspace).array()
    let largest = expected.map(abs).max() ?? 1
    for (x, y) in zip(found, expected) { #expect(abs(x - y) < 1e-4 * largest) }
  }
}
