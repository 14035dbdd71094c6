import Foundation
import ModelFiles
import TestSupport
import Transformer

@testable import FineTuning
@testable import Tensors

/// A model of four blocks with a trainer and some sequences of different lengths, to start adapters on.
struct SmallStart {
  let model: Model
  let layout: AdapterLayout
  let trainer: Trainer
  let batches: [TokenBatch]

  init(
    rank: Int = 4, lengths: [[Int]] = [[30, 11], [24], [7, 19]], storage: ElementType = .bfloat16,
    experts: SyntheticModel.Experts? = nil
  ) throws {
    var synthetic = SyntheticModel(
      layers: 4, width: 64, heads: 4, keyValueHeads: 2, feedForward: 128, vocabulary: 300,
      format: .q8_0, seed: 3)
    synthetic.experts = experts
    model = try Model(synthetic.file())
    layout = AdapterLayout(model.configuration, rank: rank, alpha: 16, rankStabilized: true)
    var request = MemoryRequest(
      model, layout, storage: storage, fileBytes: 1_000_000, longest: 64, stepTokens: 64)
    request.start = MemoryRequest.Start(sequences: 5, tokens: 91)
    trainer = try Trainer(
      model, layout, plan: MemoryPlan(request), clip: 1)
    var draws = SplitMix64(seed: 9)
    batches = lengths.map { run in
      TokenBatch(
        run.map { length in
          TokenSequence(allTargets: (0..<length).map { _ in Int32(draws.uniform() * 299) })
        })
    }
  }

  /// - Parameter room: as `StartMemory`; 0 for the incremental form.
  func session(
    _ initialization: AdapterInitialization, scale: InitializationScale = .normalized,
    gamma: Float = 128, loss: InitializationLoss = .tokens, batches: [TokenBatch]? = nil,
    room: Int? = nil, store: StartStore? = nil
  ) throws -> StartSession {
    let data = InitializationData(batches ?? self.batches, loss: loss)
    let size = MemoryRequest.Start(sequences: data.batches.count, tokens: data.tokenCount)
    let memory =
      initialization.source == .inputs
      ? StartMemory(
        inputsOf: model.configuration, layout, data: size,
        storage: trainer.workspace.shape.storage, microTokens: 64, room: room)
      : StartMemory(
        model.configuration, layout, data: size, storage: trainer.workspace.shape.storage,
        microTokens: 64, room: room)
    return try StartSession(
      trainer,
      initializer: AdapterInitializer(
        initialization, scale: scale, gamma: gamma, generator: RandomGenerator(seed: 1)),
      data: data, memory: memory, spillDirectory: NSTemporaryDirectory(), store: store)
  }

  /// The whole start.
  func report(
    _ initialization: AdapterInitialization, scale: InitializationScale = .normalized,
    gamma: Float = 128, loss: InitializationLoss = .tokens, batches: [TokenBatch]? = nil,
    room: Int? = nil
  ) throws -> StartReport {
    let session = try session(
      initialization, scale: scale, gamma: gamma, loss: loss, batches: batches, room: room)
    while try session.advance() != nil {}
    return session.report()
  }

  /// A and Bᵀ of all pairs.
  var pairs: [[Float]] {
    layout.slots.flatMap { slot in
      let values = trainer.adapters.values(slot)
      return [values.a, values.bt]
    }
  }
}
