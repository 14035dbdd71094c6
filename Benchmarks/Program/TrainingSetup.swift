import FineTuning
import ModelFiles
import Tensors
import Transformer

/// A trainer on a model with synthetic tokens: what `train`, `init` and `merge` measure.
struct TrainingSetup {
  static let rank = 8

  let trainer: Trainer
  let plan: MemoryPlan
  /// One step's micro-batches; every token after the first of a sequence is a target.
  private(set) var batches: [TokenBatch]

  /// Plans memory as `scion train` does, under `budget` bytes where there is one, and maps it.
  ///
  /// - Parameter takesGradient: whether a start takes the gradient of the same sequences.
  init(
    path: String, sequences: Int, length: Int, budget: Int? = nil, takesGradient: Bool = false,
    compute: ComputeType = .bf16
  ) throws {
    let file = try GGUFFile(path: path)
    var model = try Model(file)
    model.arithmetic = compute.arithmetic
    let configuration = model.configuration
    guard length <= configuration.contextLength else {
      throw BenchmarkError(
        "sequences of \(length) tokens are longer than the model's context of "
          + "\(configuration.contextLength)")
    }
    let layout = AdapterLayout(
      configuration, rank: TrainingSetup.rank, alpha: 16, rankStabilized: true)
    var request = MemoryRequest(
      model, layout, storage: compute.storage, fileBytes: file.byteCount,
      longest: length, stepTokens: sequences * length, budget: budget)
    if takesGradient {
      request.start = MemoryRequest.Start(sequences: sequences, tokens: sequences * length)
    }
    plan = try MemoryPlan(request)
    model.streamsWeights = plan.streamsWeights
    trainer = try Trainer(model, layout, plan: plan, clip: 1)
    batches = Array(
      try TokenBatches(
        evaluating: TrainingSetup.sequences(
          sequences, length, vocabulary: configuration.vocabularySize),
        microTokens: plan.microTokens))
    TrainingSetup.draw(trainer.adapters)
  }

  /// Takes other sequences, none longer than those that it was made for.
  mutating func use(_ sequences: [TokenSequence]) throws {
    batches = Array(try TokenBatches(evaluating: sequences, microTokens: plan.microTokens))
  }

  /// Sequences of random tokens: the time of a step depends on their number alone.
  static func sequences(_ count: Int, _ length: Int, vocabulary: Int) -> [TokenSequence] {
    var generator = RandomGenerator(seed: 3).stream("tokens")
    return (0..<count).map { _ in
      TokenSequence(
        allTargets: (0..<length).map { _ in Int32(generator.index(below: vocabulary)) })
    }
  }

  /// Both factors small and random, so that no product is with zeros.
  static func draw(_ adapters: AdapterSet) {
    var generator = RandomGenerator(seed: 4).stream("adapters")
    for slot in adapters.layout.slots {
      adapters.assign(
        slot, a: generator.uniforms(slot.rank * slot.in, bound: 0.01),
        bt: generator.uniforms(slot.rank * slot.out, bound: 0.01))
    }
  }

  /// Blocks that are run again before their backward.
  var recomputedLayers: Int { trainer.model.configuration.layerCount - plan.keptLayers }

  /// Operations of one step.
  var work: ModelWork.Operations {
    ModelWork(trainer.model.configuration).training(
      batches, trainer.adapters.layout, keptLayers: plan.keptLayers)
  }

  /// Throws unless the loss of a few tokens on the tier in use is the scalar oracle's.
  ///
  /// bf16 storage moves a mean loss by some 10⁻³. In int8 a last bit that differs can round a value to its neighbour of 255,
  /// and what follows with it: on these random tokens that moved the loss by up to 0.017 of itself. A wrong kernel moves it
  /// by much more.
  func check() throws {
    let few = Array(batches[0].ids.prefix(12))
    let batch = [TokenBatch([TokenSequence(allTargets: few)])]
    let found = trainer.validate(batch)
    let tier = Processor.instructionSet
    Processor.instructionSet = .scalar
    let wanted = trainer.validate(batch)
    Processor.instructionSet = tier
    let tolerance = trainer.model.arithmetic == .int8 ? 0.03 : 0.01
    guard abs(found - wanted) <= tolerance * abs(wanted) else {
      throw BenchmarkError(
        "the loss on \(tier.name) is wrong: \(found), the scalar oracle has \(wanted)")
    }
  }
}
