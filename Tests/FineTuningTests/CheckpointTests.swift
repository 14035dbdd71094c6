import Foundation
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

/// What a checkpoint holds is what was, to the bit, or it is no checkpoint.
@Suite struct CheckpointTests {
  private func trainer(_ settings: OptimizerSettings) throws -> (Trainer, [TokenBatch]) {
    let small = try SmallStart()
    var request = MemoryRequest(
      small.model, small.layout, storage: .bfloat16, fileBytes: 1_000_000, longest: 64,
      stepTokens: 64)
    request.optimizer = settings
    let trainer = try Trainer(small.model, small.layout, plan: MemoryPlan(request), clip: 1)
    var draws = RandomGenerator(seed: 3)
    for slot in small.layout.slots {
      trainer.adapters.assign(
        slot, a: draws.gaussians(slot.rank * slot.in), bt: draws.gaussians(slot.rank * slot.out))
    }
    return (trainer, small.batches)
  }

  private func contents(steps: Int) throws -> Checkpoint.Contents {
    var recipe = FineTuneRecipe()
    recipe.seed = .max
    var state = TrainingState()
    state.steps = steps
    state.best = TrainingState.Validation(step: 1, loss: ExactNumber(0.1 + 0.2))
    state.smoothedLoss = ExactNumber(.leastNonzeroMagnitude)
    let small = try SmallStart()
    let plan = try MemoryPlan(
      MemoryRequest(
        small.model, small.layout, storage: .bfloat16, fileBytes: 1, longest: 64, stepTokens: 64))
    return Checkpoint.Contents(
      fingerprint: RunFingerprint(recipe, plan, layers: 4, products: .activations), state: state)
  }

  @Test(
    "Steps after a checkpoint are those that would have been done, in every precision",
    arguments: ParameterPrecision.allCases, MomentPrecision.allCases)
  func goesOnToTheBit(precision: ParameterPrecision, moments: MomentPrecision) throws {
    let folder = try TemporaryFolder()
    var settings = OptimizerSettings()
    settings.precision = precision
    settings.moments = moments
    settings.seed = 11
    let (first, batches) = try trainer(settings)
    func step(_ trainer: Trainer) throws -> Double {
      try trainer.step(batches, learningRate: 1e-2).loss
    }
    for _ in 0..<3 { _ = try step(first) }
    let contents = try contents(steps: 3)
    let path = "\(folder.path)/step-3"
    try Checkpoint.write(path: path, contents, first, from: folder.path, hasBest: false)
    #expect(try folder.names() == ["step-3"])
    let expected = try [step(first), step(first)]

    let (second, _) = try trainer(settings)
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.contents == contents)
    try checkpoint.restore(second)
    #expect(second.optimizer.stepCount == 3)
    #expect(try [step(second), step(second)] == expected)
    #expect(first.adapters.parameters.array() == second.adapters.parameters.array())
  }

  @Test("A checkpoint of other matrices is refused before anything is changed")
  func refusesOtherMatrices() throws {
    let folder = try TemporaryFolder()
    var settings = OptimizerSettings()
    let (first, _) = try trainer(settings)
    let path = "\(folder.path)/step-1"
    try Checkpoint.write(path: path, contents(steps: 1), first, from: folder.path, hasBest: false)
    settings.moments = .bfloat16
    let (second, _) = try trainer(settings)
    let before = second.adapters.parameters.array()
    #expect(throws: Checkpoint.Damage.self) { try Checkpoint(path: path).restore(second) }
    #expect(second.adapters.parameters.array() == before && second.optimizer.stepCount == 0)
  }

  @Test(
    "Whatever bit is flipped, whatever end is cut off, whatever file is missing: it is no checkpoint"
  )
  func noticesEveryDamage() throws {
    let folder = try TemporaryFolder()
    let (trainer, _) = try trainer(OptimizerSettings())
    _ = try folder.write("init.json", "{}")
    let path = "\(folder.path)/step-1"
    try Checkpoint.write(path: path, contents(steps: 1), trainer, from: folder.path, hasBest: false)
    let names = try folder.names(in: "step-1")
    #expect(names == ["init.json", "manifest.json", "state.json", "tensors.safetensors"])
    var draws = RandomGenerator(seed: 8)
    for name in names {
      let file = URL(fileURLWithPath: "\(path)/\(name)")
      let whole = try Data(contentsOf: file)
      for _ in 0..<12 {
        var bytes = whole
        bytes[draws.index(below: bytes.count)] ^= 1 << UInt8(draws.index(below: 8))
        try bytes.write(to: file)
        // A manifest may say the same in other bits: an escape, a key's order.
        if name == "manifest.json", (try? Checkpoint(path: path)) != nil {
          #expect(try JSONDecoder().decode(Checkpoint.Manifest.self, from: bytes).files.count == 3)
          continue
        }
        #expect(throws: Checkpoint.Damage.self, "\(name)") { try Checkpoint(path: path) }
      }
      try whole.dropLast(1 + draws.index(below: whole.count - 1)).write(to: file)
      #expect(throws: Checkpoint.Damage.self, "\(name)") { try Checkpoint(path: path) }
      try FileManager.default.removeItem(at: file)
      #expect(throws: Checkpoint.Damage.self, "\(name)") { try Checkpoint(path: path) }
      try whole.write(to: file)
    }
    #expect(try Checkpoint(path: path).contents.state.steps == 1)
  }

  @Test("The newest whole checkpoint is found, older ones are pruned, foreign things stay")
  func storeKeepsTheNewest() throws {
    let folder = try TemporaryFolder()
    let (trainer, _) = try trainer(OptimizerSettings())
    let store = CheckpointStore(folder: "\(folder.path)/checkpoints")
    try store.prepare()
    for step in [2, 4, 10] {
      try Checkpoint.write(
        path: store.path(step), contents(steps: step), trainer, from: folder.path, hasBest: false)
    }
    _ = try folder.write("checkpoints/step-mine", "x")
    _ = try folder.write("checkpoints/step-2/notes.txt", "mine")
    #expect(store.steps == [2, 4, 10])
    #expect(store.newestWhole().checkpoint?.contents.state.steps == 10)
    try FileManager.default.removeItem(atPath: "\(store.path(10))/manifest.json")
    let found = store.newestWhole()
    #expect(found.checkpoint?.contents.state.steps == 4)
    #expect(
      found.notices == [
        "\(store.path(10)) has no manifest.json: it is not used, the one before is"
      ])
    store.prune(keeping: 1)
    #expect(try folder.names(in: "checkpoints") == ["step-10", "step-2", "step-mine"])
    #expect(try folder.names(in: "checkpoints/step-2") == ["notes.txt"])
    store.removeAll()
    #expect(try folder.names(in: "checkpoints") == ["step-2", "step-mine"])
  }

  @Test("Doubles are kept by their bits")
  func numbersAreExact() throws {
    for value in [0.1, -0.0, .pi, .infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude] {
      let data = try JSONEncoder().encode([ExactNumber(value)])
      let read = try JSONDecoder().decode([ExactNumber].self, from: data)
      #expect(read.first?.value.bitPattern == value.bitPattern)
    }
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([ExactNumber].self, from: Data(#"["0.5"]"#.utf8))
    }
  }
}
