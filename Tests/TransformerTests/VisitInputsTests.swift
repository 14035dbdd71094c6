import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// What EVA's start measures, on models of every architecture.
struct VisitInputsTests {
  /// The input of every projection as the backward hands it out.
  private struct Sink: LinearGradientSink {
    var inputs: [String: [Float]] = [:]

    mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) {
      inputs[projection.weightName(layer: layer)] = x.array()
    }
  }

  @Test(
    "The inputs visited after a forward are those that the backward multiplies with",
    arguments: TinyFiles.names)
  func visitsTheInputs(name: String) throws {
    let reference = try TinyReference(name)
    let model = try Model(GGUFFile(path: TinyFiles.path("\(name).gguf")))
    let configuration = model.configuration
    let batch = TokenBatch(
      [reference.sequences[0].ids, reference.sequences[0].ids.reversed()].map {
        TokenSequence(allTargets: $0)
      })
    let workspace = try Workspace(
      configuration,
      WorkspaceShape(
        tokens: batch.tokenCount, storage: .float32, rank: 0, checkpointing: .keepProducts))
    var visited: [Int: [Projection: [Float]]] = [:]
    model.embed(batch.ids, workspace)
    for layer in 0..<configuration.layerCount {
      model.forwardBlock(layer, batch, adapters: nil, workspace)
      model.visitInputs(layer, tokens: batch.tokenCount, workspace) {
        visited[layer, default: [:]][$0] = $1.array()
      }
    }
    _ = model.loss(batch, workspace, gradientWeight: 1)
    var sink = Sink()
    for layer in (0..<configuration.layerCount).reversed() {
      try model.backwardBlock(
        layer, batch, adapters: nil, workspace, sink: &sink, needsInput: layer > 0)
    }
    for layer in 0..<configuration.layerCount {
      for projection in configuration.projections {
        let weight = projection.weightName(layer: layer)
        let expected = try #require(sink.inputs[weight], "\(weight)")
        let found = try #require(visited[layer]?[projection.inputLeader], "\(weight)")
        #expect(found.count == batch.tokenCount * configuration.shape(of: projection).in)
        let largest = expected.reduce(0) { max($0, abs($1)) }
        let distance = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(largest > 0 && distance <= 1e-5 * largest, "\(weight): \(distance)")
      }
      let leaders = Set(configuration.projections.map(\.inputLeader))
      #expect(visited[layer].map { Set($0.keys) } == leaders)
    }
  }
}
