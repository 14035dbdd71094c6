import TestSupport
import Testing

@testable import Transformer

/// The backward of whole models of every architecture, through at least two blocks, against differences of the loss.
@Suite
struct ArchitectureDifferenceTests {
  /// Of a mean product of gradient and direction.
  private static let tolerance = 5e-3

  @Test(arguments: TinyModels.all)
  func gradientsAgreeAlongRandomDirections(tiny: TinyModel) throws {
    var model = try Model(tiny.file())
    // The second sequence is longer than every window and original context.
    let sequences = tiny.numbers.sequences.map(\.ids)
    let longest = try #require(sequences.map(\.count).max())
    for layer in model.configuration.layers {
      #expect(layer.attention.window ?? 0 < longest)
    }
    model.prepare(forSequencesOf: longest)
    // The more tokens there are, the nearer some router is to another choice.
    let most = model.configuration.experts == nil ? longest : 6
    let batch = TokenBatch(sequences.map { TokenSequence(allTargets: Array($0.prefix(most))) })
    let check = try GradientCheck(model, batch, checkpointing: .recompute)

    for seed in UInt64(1)...3 {
      let found = try check.derivative(of: .both, seed: seed)
      #expect(found.error < Self.tolerance, "all: \(found)")
    }
    for projection in model.configuration.projections {
      for part in [GradientCheck.Part.a, .b] {
        let found = try check.derivative(of: part, seed: 4) { $0.projection == projection }
        #expect(found.error < Self.tolerance, "\(part) of \(projection): \(found)")
      }
    }
    // What reaches the lowest block has come through all above it.
    let found = try check.derivative(of: .both, seed: 5) { $0.layer == 0 }
    #expect(found.error < Self.tolerance, "block 0: \(found)")
  }
}
