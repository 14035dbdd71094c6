import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import FineTuning

@Suite struct MemoryPlanTests {
  private static let fileBytes = 40_000_000

  private func model() throws -> Model {
    try Model(
      SyntheticModel(
        layers: 6, width: 64, heads: 4, keyValueHeads: 2, feedForward: 128, vocabulary: 300,
        format: .q8_0, seed: 3
      ).file())
  }

  private func request(_ model: Model, budget: Int? = nil) -> MemoryRequest {
    var request = MemoryRequest(
      model, AdapterLayout(model.configuration, rank: 4, alpha: 8, rankStabilized: true),
      storage: .bfloat16, fileBytes: Self.fileBytes, longest: 512, stepTokens: 4096, budget: budget)
    request.streamedBytes = 5_000_000
    request.start = MemoryRequest.Start(sequences: 8, tokens: 4096)
    request.dataBytes = 1000
    request.threads = 2
    return request
  }

  private func part(_ plan: MemoryPlan, _ name: String) -> Int {
    plan.parts.filter { $0.name == name }.reduce(0) { $0 + $1.bytes }
  }

  @Test("Arenas are as large as their parts of the plan")
  func partsAreWhatIsMapped() throws {
    let model = try model()
    let request = request(model)
    let plan = try MemoryPlan(request)
    let trainer = try Trainer(model, request.layout, plan: plan, clip: 1)
    #expect(
      trainer.workspace.arena.byteCount == part(plan, "activations")
        + part(plan, "activations after the start"))
    #expect(trainer.adapters.gradients?.byteCount == part(plan, "adapter gradients"))
    #expect(part(plan, "adapters") == 4 * request.layout.count)
    #expect(part(plan, "optimizer state") == 8 * request.layout.count)
    let start = try #require(plan.start)
    #expect(start.forms.count == 7)
    #expect(part(plan, "gradients of blocks (start)") == start.collector)
    #expect(plan.total == max(plan.peak(.start), plan.peak(.training), plan.peak(.saving)))
  }

  @Test("A model of experts takes more tokens at a time, and what it maps is planned")
  func expertsTakeManyTokens() throws {
    var shape = SyntheticModel(
      layers: 6, width: 64, heads: 4, keyValueHeads: 2, feedForward: 32, vocabulary: 300,
      format: .q8_0, seed: 3)
    let plain = try MemoryPlan(request(Model(shape.file())))
    shape.experts = .init(count: 64, used: 4)
    let model = try Model(shape.file())
    let request = request(model, budget: 1 << 30)
    let plan = try MemoryPlan(request)
    // Of 512 tokens an expert would see 32.
    #expect(plan.workspace.tokens == 4096 && plain.workspace.tokens < 4096)
    let trainer = try Trainer(model, request.layout, plan: plan, clip: 1)
    #expect(
      trainer.workspace.arena.byteCount == part(plan, "activations")
        + part(plan, "activations after the start"))
    // Three numbers and a share for each of four experts of a token, in six layers.
    #expect(part(plan, "choices of the routers") >= 6 * 4096 * 4 * 28)
    #expect(part(plain, "choices of the routers") == 0)
    // Where there is no room, fewer at a time, and at last the smallest of all plans.
    let tight = try MemoryPlan(self.request(model, budget: plan.total / 2))
    #expect(tight.total <= plan.total / 2 && tight.workspace.tokens < 4096)
  }

  @Test("The rounded inputs and output gradients of int8 products are counted")
  func int8ScratchIsPlanned() throws {
    var model = try model()
    let plain = try MemoryPlan(request(model))
    model.arithmetic = .int8
    let rounded = try MemoryPlan(request(model))
    let (configuration, workspace) = (model.configuration, rounded.workspace)
    let scratch = max(
      ProductArithmetic.int8.scratchByteCount(
        tokens: workspace.tokens,
        columns: max(configuration.widestInput, configuration.widestOutput)),
      ProductArithmetic.int8.scratchByteCount(
        tokens: workspace.lossRows, columns: configuration.vocabularySize))
    #expect(ProductArithmetic.activations.scratchByteCount(tokens: 1024, columns: 128) == 0)
    // A byte or more a value wherever there is a leaf; the scalar oracle needs nothing.
    #expect(scratch >= 1024 * 128 || Processor.instructionSet == .scalar)
    #expect(rounded.total == plain.total + scratch)
  }

  @Test("The default plan keeps everything in memory")
  func defaultPlanIsTheFastest() throws {
    let plan = try MemoryPlan(request(model()))
    #expect(!plan.streamsWeights && !plan.workspace.spillsBoundaries)
    #expect(plan.keptLayers == 6)
    #expect(plan.workspace.tokens >= 512 && plan.workspace.lossRows == 256)
  }

  @Test("Smaller budgets give smaller plans, down to the least, which is named")
  func smallerBudgetsGiveSmallerPlans() throws {
    let model = try model()
    let most = try MemoryPlan(request(model)).total
    var least = 0
    do {
      _ = try MemoryPlan(request(model, budget: 1 << 20))
      Issue.record("a budget of 1 MiB was met")
    } catch .doesNotFit(let budget, let smallest) {
      #expect(budget == 1 << 20)
      least = smallest
    }
    #expect(least > 1 << 20 && least < most)
    for budget in stride(from: least, through: most, by: (most - least) / 40) {
      #expect(try MemoryPlan(request(model, budget: budget)).total <= budget)
    }
    let smallest = try MemoryPlan(request(model, budget: least))
    #expect(smallest.total == least && smallest.streamsWeights)
    #expect(smallest.workspace.spillsBoundaries)
    #expect(throws: TransformerError.doesNotFit(budget: least - 1, smallest: least)) {
      try MemoryPlan(request(model, budget: least - 1))
    }
  }

  @Test("A start without room for exact gradients holds their leading parts, the largest first")
  func startFallsBackToLeadingParts() throws {
    let configuration = try model().configuration
    let layout = AdapterLayout(configuration, rank: 2, alpha: 8, rankStabilized: true)
    func memory(_ room: Int?) -> StartMemory {
      StartMemory(
        configuration, layout, data: MemoryRequest.Start(sequences: 8, tokens: 4096),
        storage: .bfloat16, microTokens: 512, room: room)
    }
    let exact = memory(nil)
    #expect(exact.forms.values.allSatisfy { $0 == .dense })
    let tight = memory(exact.total - 1)
    #expect(tight.total < exact.total)
    #expect(tight.forms.values.contains(.incremental) && tight.forms.values.contains(.dense))
    #expect(memory(0).total <= tight.total)
  }

  @Test("A start from leading parts finds the directions of the exact one")
  func incrementalStartIsCloseToTheExact() throws {
    let model = try model()
    let request = request(model)
    let plan = try MemoryPlan(request)
    var draws = SplitMix64(seed: 9)
    let batches = (0..<3).map { _ in
      TokenBatch([TokenSequence(allTargets: (0..<40).map { _ in Int32(draws.uniform() * 299) })])
    }
    func report(_ form: GradientForm) throws -> StartReport {
      let trainer = try Trainer(model, request.layout, plan: plan, clip: 1)
      // The number of tokens that the plan is told decides between the exact forms.
      let tokens = form == .factors ? 30 : 4096
      let memory = StartMemory(
        model.configuration, request.layout,
        data: MemoryRequest.Start(sequences: 3, tokens: tokens), storage: .bfloat16,
        microTokens: 40, room: form == .incremental ? 0 : nil)
      #expect(memory.forms.values.contains(form))
      let start = try StartSession(
        trainer,
        initializer: AdapterInitializer(.loraOne, generator: RandomGenerator(seed: 1)),
        data: InitializationData(batches), memory: memory,
        spillDirectory: FileManager.default.temporaryDirectory.path)
      while try start.advance() != nil {}
      return start.report()
    }
    let (dense, factors, leading) = (
      try report(.dense), try report(.factors), try report(.incremental)
    )
    for (exact, others) in zip(dense.matrices, zip(factors.matrices, leading.matrices)) {
      for found in [others.0, others.1] {
        let ratio = Double(found.singularValues[0] / exact.singularValues[0])
        #expect(abs(ratio - 1) < 0.03, "\(exact.name): \(ratio)")
      }
    }
  }
}
