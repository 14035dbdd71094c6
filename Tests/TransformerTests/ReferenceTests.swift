import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import Transformer

/// The real model against an independent implementation (PyTorch fp32 over the same dequantized weights). Skipped where
/// the model or the reference is not at hand.
@Suite(.serialized, .tags(.realModel))
struct ReferenceTests {
  struct Reference: Decodable {
    struct Gradient: Decodable {
      let fro: Double
      let maxAbs: Double
    }
    struct Sequence: Decodable {
      let ids: [Int32]
      let meanNll: Double
      let nllPerTarget: [Double]
      let lastTop20Ids: [Int]
      let lastTop20Logits: [Double]
      let hiddenFro: [Double]
      let grads: [String: Gradient]
    }
    let sequences: [Sequence]
  }

  /// Sums dense gradients of every weight: what a frozen base would get.
  struct DenseSink: LinearGradientSink {
    var gradients: [String: Matrix] = [:]
    let arena: Arena

    mutating func record(layer: Int, projection: Projection, x: Matrix, dy: Matrix) {
      let name = "layers.\(layer).\(projection.modulePath).weight"
      let g =
        gradients[name]
        ?? arena.allocate(rows: dy.columns, columns: x.columns, type: .float32)
      weightGradient(into: g, dy, x)
      gradients[name] = g
    }
  }

  private func load() throws -> (Model, Reference) {
    let model = try Model(GGUFFile(path: TestFiles.realModel))
    let data = try Data(contentsOf: TestFiles.shared("reference/numerics.json"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return (model, try decoder.decode(Reference.self, from: data))
  }

  @Test(.enabled(if: TestFiles.hasRealModel && TestFiles.hasShared))
  func floatForwardAndBackwardAgree() throws {
    let (model, reference) = try load()
    for sequence in reference.sequences {
      let batch = TokenBatch([TokenSequence(allTargets: sequence.ids)])
      let tokens = batch.tokenCount
      let workspace = try Workspace(
        model.configuration,
        WorkspaceShape(tokens: tokens, storage: .float32, rank: 0, checkpointing: .keepProducts))

      model.embed(batch.ids, workspace)
      for layer in 0...model.configuration.layerCount {
        let norm = sumOfSquares(model.residual(tokens: tokens, workspace)).squareRoot()
        #expect(
          abs(norm / sequence.hiddenFro[layer] - 1) < 1e-3, "hidden state \(layer): \(norm)")
        if layer < model.configuration.layerCount {
          model.forwardBlock(layer, batch, adapters: nil, workspace)
        }
      }

      let logits = model.logits(rows: [tokens - 1], workspace)
      let largest = sequence.lastTop20Logits.map(abs).max() ?? 1
      for (id, expected) in zip(sequence.lastTop20Ids, sequence.lastTop20Logits) {
        #expect(abs(Double(logits[0, id]) - expected) < 1e-3 * largest)
      }

      let losses = model.loss(
        batch, workspace, gradientWeight: 1 / Float(batch.targetCount))
      let mean = losses.reduce(0) { $0 + Double($1) } / Double(losses.count)
      #expect(abs(mean - sequence.meanNll) < 1e-4)
      for (loss, expected) in zip(losses, sequence.nllPerTarget) {
        #expect(abs(Double(loss) - expected) < 1e-3 * max(1, expected))
      }

      var sink = DenseSink(
        arena: try Arena("dense gradients", byteCount: 4 * 30 * 3_600_000))
      for layer in (0..<model.configuration.layerCount).reversed() {
        try model.backwardBlock(
          layer, batch, adapters: nil, workspace, sink: &sink, needsInput: layer > 0)
      }
      for (name, expected) in sequence.grads {
        let g = try #require(sink.gradients[name])
        let norm = sumOfSquares(g).squareRoot()
        #expect(abs(norm / expected.fro - 1) < 1e-2, "\(name): \(norm) against \(expected.fro)")
        let largest = g.array().reduce(0) { max($0, abs($1)) }
        #expect(abs(Double(largest) / expected.maxAbs - 1) < 1e-2, "\(name)")
      }
    }
  }

  @Test(.enabled(if: TestFiles.hasRealModel && TestFiles.hasShared))
  func bfloatLossAgrees() throws {
    let (model, reference) = try load()
    for sequence in reference.sequences {
      let batch = TokenBatch([TokenSequence(allTargets: sequence.ids)])
      let workspace = try Workspace(
        model.configuration,
        WorkspaceShape(
          tokens: batch.tokenCount, storage: .bfloat16, rank: 0, checkpointing: nil))
      model.forward(batch, adapters: nil, workspace)
      let losses = model.loss(batch, workspace)
      let mean = losses.reduce(0) { $0 + Double($1) } / Double(losses.count)
      #expect(abs(mean - sequence.meanNll) < 0.01, "\(mean) against \(sequence.meanNll)")
    }
  }
}
