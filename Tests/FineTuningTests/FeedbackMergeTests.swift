import Inference
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import FineTuning

/// Merging with error feedback into few bits, on tiny models of every architecture.
struct FeedbackMergeTests {
  private static let rank = 4

  private func adapter(_ loaded: LoadedModel) throws -> Adapter {
    let layout = AdapterLayout(
      loaded.model.configuration, rank: Self.rank, alpha: 8, rankStabilized: true,
      targets: loaded.model.configuration.projections.filter { !$0.isExpert })
    let set = try AdapterSet(
      layout, layerCount: loaded.model.configuration.layerCount, storage: .float32,
      trainable: false)
    var random = SplitMix64(seed: 11)
    for slot in layout.slots {
      set.assign(
        slot, a: (0..<slot.rank * slot.in).map { _ in 0.05 * random.normal() },
        bt: (0..<slot.rank * slot.out).map { _ in 0.05 * random.normal() })
    }
    return Adapter(set, of: loaded)
  }

  private func sequences(_ loaded: LoadedModel, _ count: Int, seed: UInt64) -> [TokenSequence] {
    var random = RandomGenerator(seed: seed).stream("tokens")
    let vocabulary = min(loaded.model.configuration.vocabularySize, 200)
    return (0..<count).map { _ in
      TokenSequence(allTargets: (0..<40).map { _ in Int32(random.index(below: vocabulary)) })
    }
  }

  /// The residual stream behind the last block.
  private func outputs(
    _ loaded: LoadedModel, _ adapter: Adapter?, _ sequences: [TokenSequence]
  ) throws -> [Float] {
    let batch = TokenBatch(sequences)
    let workspace = try Workspace(
      loaded.model.configuration,
      WorkspaceShape(
        tokens: batch.tokenCount, storage: .float32, rank: Self.rank, checkpointing: nil))
    loaded.model.forward(
      batch, adapters: try adapter?.set(for: loaded, storage: .float32), workspace)
    return loaded.model.residual(tokens: batch.tokenCount, workspace).array()
  }

  private func merge(
    _ base: GGUFFile, _ adapter: Adapter, _ type: MergeType, to path: String,
    _ rounding: FeedbackRounding?
  ) throws -> (loaded: LoadedModel, report: MergeReport) {
    var merger = try Merger(
      base: base, adapter: adapter, type: type, output: path, rounding: rounding)
    var report = MergeReport(type: type, method: rounding == nil ? .round : .feedback)
    while let step = try merger.next() { report.add(step) }
    try merger.finish()
    return (try LoadedModel(path: path), report)
  }

  @Test(arguments: ["llama3-rope", "qwen2", "gemma3", "phi3"])
  func outputsStayNearerToThoseWithTheAdapter(_ architecture: String) throws {
    let folder = try TemporaryFolder()
    let base = try TinyModels.file(architecture)
    let loaded = try LoadedModel(base)
    let adapter = try adapter(loaded)
    let rounding = try FeedbackRounding(
      loaded, adapter, sequences: sequences(loaded, 64, seed: 1), spillDirectory: folder.path)
    #expect(rounding.tokenCount == 64 * 40)
    let type = MergeType.format(.q4_0)
    let plain = try merge(base, adapter, type, to: "\(folder.path)/plain.gguf", nil)
    let fed = try merge(base, adapter, type, to: "\(folder.path)/fed.gguf", rounding)
    let held = sequences(loaded, 8, seed: 2)
    let wanted = try outputs(loaded, adapter, held)
    func distance(_ model: LoadedModel) throws -> Double {
      zip(try outputs(model, nil, held), wanted).reduce(0) {
        $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
      }
    }
    let (after, before) = (try distance(fed.loaded), try distance(plain.loaded))
    #expect(after < 0.95 * before, "\(after) of \(before)")
    #expect(fed.report.tensors.count == adapter.tensors.count)
    #expect(fed.report.tensors.allSatisfy { ($0.functionalError ?? -1) > 0 && $0.kept != nil })
    #expect(plain.report.tensors.allSatisfy { $0.functionalError == nil && $0.kept != nil })
    #expect(rounding.damping >= 1e-2)
  }

  @Test func theFileIsTheSameAtEveryRun() throws {
    let folder = try TemporaryFolder()
    let base = try TinyModels.file("llama3-rope")
    let loaded = try LoadedModel(base)
    let adapter = try adapter(loaded)
    let hashes = try (0..<2).map { index in
      let rounding = try FeedbackRounding(
        loaded, adapter, sequences: sequences(loaded, 9, seed: 1), spillDirectory: folder.path)
      let path = "\(folder.path)/\(index).gguf"
      _ = try merge(base, adapter, .format(.q5_1), to: path, rounding)
      return try MappedFile(path: path).sha256()
    }
    #expect(hashes[0] == hashes[1])
  }

  @Test func bytesGoWhereTheyHelpMost() {
    func choice(_ format: BlockFormat, _ bytes: Int, _ noise: Double) -> Promotion.Choice {
      Promotion.Choice(format: format, bytes: bytes, noise: noise)
    }
    let promotion = Promotion(choices: [
      "a": [choice(.q4_1, 100, 0.5), choice(.q5_1, 120, 0.4), choice(.q8_0, 170, 0.01)],
      "b": [choice(.q4_1, 100, 0.1), choice(.q5_1, 120, 0.01), choice(.q8_0, 170, 0.001)],
      "c": [choice(.q4_1, 10, 0.001), choice(.q8_0, 17, 0.002)],
    ])
    #expect(promotion.formats(budget: 6).isEmpty)
    #expect(promotion.formats(budget: 20) == ["a": .q5_1])
    #expect(promotion.formats(budget: 70) == ["a": .q8_0])
    #expect(promotion.formats(budget: 100) == ["a": .q8_0, "b": .q5_1])
    #expect(promotion.formats(budget: 1000) == ["a": .q8_0, "b": .q8_0])
  }

  @Test func aBudgetIsSpentAndKept() throws {
    let folder = try TemporaryFolder()
    let base = try TinyModels.file("qwen2")
    let loaded = try LoadedModel(base)
    let adapter = try adapter(loaded)
    func rounding() throws -> FeedbackRounding {
      try FeedbackRounding(
        loaded, adapter, sequences: sequences(loaded, 16, seed: 1), spillDirectory: folder.path)
    }
    let type = MergeType.format(.q4_1)
    let promotion = try Promotion(
      base: base, adapter: adapter, type: type, rounding: rounding()
    ) { _, _, _ in }
    #expect(promotion.count == adapter.tensors.count)
    for choices in promotion.choices.values {
      #expect(choices.map(\.noise) == choices.map(\.noise).sorted(by: >))
    }
    let plain = try MergePlan(base: base, adapter: adapter, type: type).byteCount
    let promoted = promotion.formats(budget: plain / 20)
    #expect(!promoted.isEmpty)
    let path = "\(folder.path)/promoted.gguf"
    var merger = try Merger(
      base: base, adapter: adapter, type: type, output: path, rounding: rounding(),
      promoted: promoted)
    #expect(merger.plan.byteCount > plain && merger.plan.byteCount <= plain + plain / 20)
    while try merger.next() != nil {}
    try merger.finish()
    let file = try GGUFFile(path: path)
    for (name, format) in promoted { #expect(file.tensor(name)?.format == format) }
  }

  @Test func aGainIsComparedWithTheBase() {
    func losses(_ merged: Double) -> MergeReport {
      var report = MergeReport(type: .keep, method: .round)
      report.losses = MergeReport.Losses(
        path: "test.jsonl", examples: 3, base: 2, adapter: 1, merged: merged)
      return report
    }
    #expect(losses(1.25).losses?.keptGain == 0.75)
    #expect(losses(1.25).warning == nil)
    #expect(losses(1.75).warning?.contains("keeps 25 %") == true)
    #expect(losses(1.75).warning?.contains("--method feedback") == true)
    let none = MergeReport.Losses(path: "t", examples: 1, base: 1, adapter: 1.5, merged: 1)
    #expect(none.keptGain == nil)
  }
}
