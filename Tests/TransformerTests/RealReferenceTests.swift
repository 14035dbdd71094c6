import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// The real model without adapters, against PyTorch over the same dequantized weights (`smollm2_reference.json`).
@Suite(.serialized, .tags(.realModel))
struct RealReferenceTests {
  /// Gradients of the weights that the reference has.
  private struct Sink: LinearGradientSink {
    let wanted: Set<String>
    let arena: Arena
    var gradients: [String: Matrix] = [:]

    mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) {
      let name = projection.weightName(layer: layer)
      guard wanted.contains(name) else { return }
      let gradient = arena.allocate(rows: dy.columns, columns: x.columns, type: .float32)
      weightGradient(into: gradient, dy, x)
      gradients[name] = gradient
    }
  }

  @Test(
    "Hidden states, logits, losses and gradients in float32 are PyTorch's",
    .enabled(if: TestFiles.hasRealModel, "the real model is missing: make model fetches it"))
  func floatsAgree() throws {
    let reference = try RealReference()
    let expected = reference.base
    let model = try Model(GGUFFile(path: TestFiles.realModel))
    let layers = model.configuration.layerCount
    let batch = TokenBatch([TokenSequence(allTargets: reference.sequences[0])])
    let tokens = batch.tokenCount
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(tokens: tokens, storage: .float32, rank: 0, checkpointing: .keepProducts))
    #expect(expected.hiddenFro.count == layers + 1)
    model.embed(batch.ids, workspace)
    for layer in 0...layers {
      let norm = sumOfSquares(model.residual(tokens: tokens, workspace)).squareRoot()
      #expect(abs(norm / expected.hiddenFro[layer] - 1) < 1e-4, "hidden state \(layer): \(norm)")
      if layer < layers { model.forwardBlock(layer, batch, adapters: nil, workspace) }
    }

    let logits = model.logits(rows: [tokens - 1], workspace)
    let largest = expected.lastTopLogits.map(abs).max() ?? 1
    for (id, value) in zip(expected.lastTopIds, expected.lastTopLogits) {
      #expect(abs(Double(logits[0, id]) - value) < 1e-4 * largest, "logit \(id)")
    }

    let losses = model.loss(batch, workspace, gradientWeight: 1 / Float(batch.targetCount))
    #expect(losses.count == expected.nllPerTarget.count)
    let mean = losses.reduce(0) { $0 + Double($1) } / Double(losses.count)
    #expect(abs(mean - expected.meanNll) < 1e-4, "\(mean)")
    for (loss, value) in zip(losses, expected.nllPerTarget) {
      #expect(abs(Double(loss) - value) < 1e-3 * max(1, value))
    }

    var sink = Sink(
      wanted: Set(expected.grads.keys),
      arena: try Arena("some gradients", byteCount: 4 * 3 * 3_600_000))
    for layer in (0..<layers).reversed() {
      try model.backwardBlock(
        layer, batch, adapters: nil, workspace, sink: &sink, needsInput: layer > 0)
    }
    #expect(expected.grads.count == 21)
    for (name, gradient) in expected.grads {
      let found = try #require(sink.gradients[name])
      let norm = sumOfSquares(found).squareRoot()
      #expect(abs(norm / gradient.fro - 1) < 1e-3, "\(name): \(norm) against \(gradient.fro)")
      let values = found.array()
      for (row, expected) in [gradient.row0, gradient.row1].enumerated() {
        for (value, reference) in zip(values.dropFirst(row * found.columns), expected) {
          #expect(abs(Double(value) - reference) < 1e-3 * gradient.max, "row \(row) of \(name)")
        }
      }
    }
  }

  @Test(
    "Losses in bfloat16 are near PyTorch's",
    .enabled(if: TestFiles.hasRealModel, "the real model is missing: make model fetches it"))
  func bfloatLossesAreNear() throws {
    let reference = try RealReference()
    let model = try Model(GGUFFile(path: TestFiles.realModel))
    let batch = TokenBatch([TokenSequence(allTargets: reference.sequences[0])])
    let workspace = try Workspace(
      model.configuration,
      WorkspaceShape(tokens: batch.tokenCount, storage: .bfloat16, rank: 0, checkpointing: nil))
    model.forward(batch, adapters: nil, workspace)
    let losses = model.loss(batch, workspace)
    let mean = losses.reduce(0) { $0 + Double($1) } / Double(losses.count)
    #expect(abs(mean - reference.base.meanNll) < 0.02, "\(mean)")
  }
}
