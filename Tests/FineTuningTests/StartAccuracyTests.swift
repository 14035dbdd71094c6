import Foundation
import ModelFiles
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

/// One block of the real model; `scion-bench init --accuracy` does the same for all, with more tokens. Skipped where the
/// model is missing.
@Suite(.serialized, .tags(.realModel))
struct StartAccuracyTests {
  @Test(.enabled(if: TestFiles.hasRealModel), arguments: [GradientForm.dense, .factors])
  func randomizedDecompositionsAreAsGoodAsExactOnes(form: GradientForm) throws {
    let model = try Model(GGUFFile(path: TestFiles.realModel))
    let layout = AdapterLayout(model.configuration, rank: 8, alpha: 16, rankStabilized: true)
    let plan = try MemoryPlan(
      MemoryRequest(
        model, layout, storage: .bfloat16, fileBytes: 98_362_432, longest: 64, stepTokens: 128))
    let trainer = try Trainer(model, layout, plan: plan, clip: 1)
    let batches = (0..<2).map { batch in
      TokenBatch([
        TokenSequence(allTargets: (0..<64).map { Int32(1000 + (37 + 2 * batch) * $0) })
      ])
    }
    var entries: [StartAccuracy.Entry] = []
    try StartAccuracy.measure(
      trainer, batches: batches, ranks: [8], form: form, layers: [15],
      spillDirectory: FileManager.default.temporaryDirectory.path
    ) { entries.append($0) }
    #expect(entries.count == 7)
    for entry in entries {
      #expect(entry.efficiency >= 0.99 && entry.efficiency < 1.0001, "\(entry)")
    }
  }
}
