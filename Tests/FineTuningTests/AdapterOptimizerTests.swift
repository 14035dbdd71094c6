import Foundation
import ModelFiles
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

@Suite(.serialized) struct AdapterOptimizerTests {
  private static let model = Result {
    try Model(
      SyntheticModel(
        layers: 2, width: 32, heads: 4, keyValueHeads: 2, feedForward: 64, vocabulary: 48,
        format: .q8_0, seed: 7
      ).file())
  }

  private static let batch = TokenBatch([
    TokenSequence(allTargets: [5, 9, 1, 30, 22, 7, 7]),
    TokenSequence(allTargets: [3, 4, 40, 41, 2, 6, 11]),
  ])

  /// A trainer whose pairs are small and random, or with B = 0.
  private func trainer(
    _ change: (inout OptimizerSettings) -> Void, clip: Float = 0, zeroB: Bool = false
  ) throws -> Trainer {
    let model = try Self.model.get()
    var request = MemoryRequest(
      model, AdapterLayout(model.configuration, rank: 4, alpha: 8, rankStabilized: true),
      storage: .bfloat16, fileBytes: 1 << 20, longest: 32, stepTokens: 32)
    change(&request.optimizer)
    let trainer = try Trainer(
      model, request.layout, plan: try MemoryPlan(request), clip: clip)
    let plan = try MemoryPlan(request)
    func part(_ name: String) -> Int {
      plan.parts.filter { $0.name == name }.reduce(0) { $0 + $1.bytes }
    }
    #expect(part("adapter gradients") == trainer.adapters.gradients?.byteCount)
    var draws = RandomGenerator(seed: 5)
    for slot in request.layout.slots {
      trainer.adapters.assign(
        slot, a: draws.gaussians(slot.rank * slot.in, deviation: 0.1),
        bt: draws.gaussians(slot.rank * slot.out, deviation: zeroB ? 0 : 0.1))
    }
    return trainer
  }

  private func values(_ trainer: Trainer) -> [(a: [Float], bt: [Float])] {
    trainer.adapters.layout.slots.map { trainer.adapters.values($0) }
  }

  private func losses(_ trainer: Trainer, rate: Double, steps: Int) throws -> [Double] {
    try (0..<steps).map { _ in try trainer.step([Self.batch], learningRate: rate).loss }
  }

  // MARK: - All of them learn

  static let combinations: [(OptimizerRule, ParameterPrecision, MomentPrecision)] =
    OptimizerRule.allCases.flatMap { rule in
      ParameterPrecision.allCases.flatMap { precision in
        (rule.hasMoments ? MomentPrecision.allCases : [.float32]).map { (rule, precision, $0) }
      }
    }

  @Test(arguments: combinations)
  func everyCombinationLearns(
    _ rule: OptimizerRule, _ precision: ParameterPrecision, _ moments: MomentPrecision
  ) throws {
    func run() throws -> (losses: [Double], values: [Float]) {
      let trainer = try trainer {
        ($0.rule, $0.precision, $0.moments) = (rule, precision, moments)
      }
      let rate = rule.hasMoments ? 5e-3 : rule.isScaled ? 0.02 : 0.5
      let losses = try losses(trainer, rate: rate, steps: 12)
      return (losses, trainer.adapters.parameters.array())
    }
    let first = try run()
    #expect(first.losses[11] < first.losses[0] - 0.02, "\(first.losses)")
    #expect(try run().values == first.values)
  }

  @Test func seedsRoundDifferently() throws {
    func run(_ seed: UInt64) throws -> [Float] {
      let trainer = try trainer {
        $0.precision = .bfloat16
        $0.seed = seed
      }
      _ = try losses(trainer, rate: 1e-3, steps: 2)
      return trainer.adapters.parameters.array()
    }
    #expect(try run(1) != run(2))
  }

  @Test func theStepDoesNotDependOnTheThreads() throws {
    func run(_ threads: Int) throws -> [Float] {
      let before = Processor.threads
      defer { Processor.threads = before }
      Processor.threads = threads
      let trainer = try trainer {
        ($0.rule, $0.precision, $0.moments) = (.scaledAdamW, .bfloat16, .eightBit)
      }
      _ = try losses(trainer, rate: 1e-3, steps: 3)
      return trainer.adapters.parameters.array()
    }
    #expect(try run(1) == run(2))
  }

  // MARK: - LoRA+ and a frozen A

  @Test func loraPlusMultipliesTheRateOfB() throws {
    func change(_ ratio: Float) throws -> [(a: [Float], bt: [Float])] {
      let trainer = try trainer {
        ($0.rule, $0.loraPlus, $0.precision) = (.gradientDescent, ratio, .float32)
      }
      let before = values(trainer)
      _ = try losses(trainer, rate: 0.125, steps: 1)
      return zip(values(trainer), before).map { new, old in
        (zip(new.a, old.a).map { $0 - $1 }, zip(new.bt, old.bt).map { $0 - $1 })
      }
    }
    for (one, eight) in zip(try change(1), try change(8)) {
      #expect(one.a == eight.a && one.a.contains { $0 != 0 })
      // Differences of rounded sums.
      for (x, y) in zip(one.bt, eight.bt) { #expect(abs(8 * x - y) < 3e-7) }
      #expect(one.bt.contains { abs($0) > 1e-5 })
    }
  }

  @Test(arguments: OptimizerRule.allCases)
  func aFrozenADoesNotChangeABit(_ rule: OptimizerRule) throws {
    for precision in ParameterPrecision.allCases {
      let trainer = try trainer(
        {
          ($0.rule, $0.precision, $0.freezesA, $0.weightDecay) = (rule, precision, true, 0.1)
        }, zeroB: true)
      let before = values(trainer)
      let losses = try losses(trainer, rate: rule.hasMoments ? 5e-3 : 0.05, steps: 6)
      #expect(losses[5] < losses[0])
      for (new, old) in zip(values(trainer), before) {
        #expect(new.a == old.a && new.bt != old.bt)
      }
      let layout = trainer.adapters.layout
      #expect(trainer.adapters.gradients?.count == layout.count - layout.countA)
    }
  }

  // MARK: - Scaled gradients

  @Test func theFirstScaledStepHasTheSignOfThePlainOne() throws {
    // Orthogonal rows: Grams are diagonal, as those of LoRA-One's start.
    func change(_ rule: OptimizerRule) throws -> [Float] {
      let trainer = try trainer { ($0.rule, $0.precision) = (rule, .float32) }
      for slot in trainer.adapters.layout.slots {
        func rows(_ width: Int) -> [Float] {
          (0..<slot.rank * width).map { $0 % width % slot.rank == $0 / width ? 0.1 : 0 }
        }
        trainer.adapters.assign(slot, a: rows(slot.in), bt: rows(slot.out))
      }
      let before = trainer.adapters.parameters.array()
      _ = try losses(trainer, rate: 1e-3, steps: 1)
      return zip(trainer.adapters.parameters.array(), before).map { $0 - $1 }
    }
    let (plain, scaled) = (try change(.adamW), try change(.scaledAdamW))
    #expect(plain.filter { $0 != 0 }.count > plain.count / 2)
    let other = zip(plain, scaled).filter { abs($0.0) > 1e-5 && $0.0 * $0.1 <= 0 }
    #expect(other.isEmpty, "\(other.count)")
  }

  /// A·c and B/c are the same model: a scaled step changes B·A by the same, a plain one does not.
  @Test func scaledDescentDoesNotSeeHowTheProductIsSplit() throws {
    func products(_ rule: OptimizerRule, _ factor: Float) throws -> [[Float]] {
      let trainer = try trainer { ($0.rule, $0.precision) = (rule, .float32) }
      for slot in trainer.adapters.layout.slots {
        let (a, bt) = trainer.adapters.values(slot)
        trainer.adapters.assign(slot, a: a.map { $0 * factor }, bt: bt.map { $0 / factor })
      }
      let product = { (slot: AdapterSlot) -> [Float] in
        let (a, bt) = trainer.adapters.values(slot)
        return DenseMatrix(rows: slot.rank, columns: slot.out, values: bt).times(
          DenseMatrix(rows: slot.rank, columns: slot.in, values: a), transposeSelf: true
        ).values
      }
      let slots = trainer.adapters.layout.slots
      let before = slots.map(product)
      _ = try losses(trainer, rate: 0.02, steps: 1)
      return zip(slots.map(product), before).map { zip($0, $1).map { $0 - $1 } }
    }
    func difference(_ rule: OptimizerRule) throws -> Double {
      let (one, other) = (try products(rule, 1), try products(rule, 4))
      return zip(one, other).map { x, y in
        let error = zip(x, y).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let norm = x.reduce(0.0) { $0 + Double($1 * $1) }
        return (error / norm).squareRoot()
      }.max() ?? 0
    }
    // A power of two scales bf16 exactly; what is left are the damping's and fp32's roundings.
    #expect(try difference(.scaledGradientDescent) < 1e-2)
    #expect(try difference(.gradientDescent) > 0.5)
  }

  // MARK: - Memory

  @Test func thePlanCountsWhatIsKept() throws {
    let model = try Self.model.get()
    let layout = AdapterLayout(model.configuration, rank: 4, alpha: 8, rankStabilized: true)
    func parts(_ change: (inout OptimizerSettings) -> Void) throws -> [String: Int] {
      var request = MemoryRequest(
        model, layout, storage: .bfloat16, fileBytes: 1 << 20, longest: 32, stepTokens: 32)
      change(&request.optimizer)
      let plan = try MemoryPlan(request)
      return Dictionary(uniqueKeysWithValues: plan.parts.map { ($0.name, $0.bytes) })
    }
    let plain = try parts { _ in }
    #expect(plain["adapters"] == 4 * layout.count && plain["optimizer state"] == 8 * layout.count)
    #expect(plain["scaling of gradients"] == 0)
    let small = try parts {
      ($0.precision, $0.moments) = (.bfloat16, .bfloat16)
    }
    #expect(small["adapters"] == 2 * layout.count && small["optimizer state"] == 4 * layout.count)
    let copied = try parts { $0.precision = .float32 }
    #expect(copied["adapters"] == 6 * layout.count)
    let frozen = try parts { ($0.freezesA, $0.rule) = (true, .scaledAdamW) }
    let left = layout.count - layout.countA
    #expect(frozen["adapter gradients"] == 4 * left && frozen["optimizer state"] == 8 * left)
    #expect(frozen["scaling of gradients"]! > 0)
    let eight = try parts { $0.moments = .eightBit }
    let blocks = (layout.count + 255) / 256
    #expect(eight["optimizer state"]! - 2 * (layout.count + 4 * blocks) < 4 * 64)
    #expect(try parts { $0.rule = .gradientDescent }["optimizer state"] == 0)
  }
}
