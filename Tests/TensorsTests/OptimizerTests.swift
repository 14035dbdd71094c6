import CKernels
import Foundation
import Testing

@testable import Tensors

@Suite(.serialized)
struct OptimizerTests {
  private func parameters(_ bench: Bench, _ count: Int) -> TrainableParameters {
    TrainableParameters(
      high: bench.matrix(1, count, .bfloat16), low: bench.matrix(1, count, .bfloat16))
  }

  /// Finite floats of every sign and exponent, and the patterns about a carry into the exponent.
  private static let masters: [Float] = {
    var bits: [UInt32] = [
      0, 0x8000_0000, 1, 0x8000_0001, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x3F7F_8000, 0x3F7F_7FFF,
      0x3F7F_FFFF, 0x3F80_0000, 0x3F80_7FFF, 0x3F80_8000, 0x3F81_8000, 0xBF7F_FFFF, 0x007F_FFFF,
      0x0000_8000, 0x0000_7FFF, 0x807F_8000,
    ]
    var state: UInt64 = 5
    while bits.count < 20_003 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let pattern = UInt32(truncatingIfNeeded: state >> 32)
      if Float(bitPattern: pattern).isFinite { bits.append(pattern) }
    }
    return bits.map { Float(bitPattern: $0) }
  }()

  @Test(arguments: Compute.available)
  func splittingLosesNoBitAndRoundsTheUpperHalf(_ isa: Int32) throws {
    let bench = try Bench()
    let masters = OptimizerTests.masters
    let split = parameters(bench, masters.count)
    let joined = bench.matrix(1, masters.count, .float32)
    Compute.with(isa: isa) {
      split.assign(masters)
      split.copy(into: joined)
      #expect(split.array().map(\.bitPattern) == masters.map(\.bitPattern))
      #expect(joined.array().map(\.bitPattern) == masters.map(\.bitPattern))
    }
    for (index, high) in split.roundedArray().enumerated() {
      let master = masters[index]
      // A tie has no remainder that 16 signed bits could hold upwards: it goes away from zero.
      let isTie = master.bitPattern & 0xFFFF == 0x8000
      let expected =
        isTie ? BFloat16(bitPattern: UInt16(master.bitPattern >> 16) + 1) : BFloat16(master)
      #expect(high == expected.float)
    }
    #expect(bench.bordersAreIntact())
  }

  @Test(arguments: Compute.available, [1, 15, 16, 33, 10_007])
  func twentyStepsFollowPlainFloats(_ isa: Int32, _ count: Int) throws {
    let bench = try Bench()
    let split = parameters(bench, count)
    var plain = randomFloats(count, seed: 21)
    let memory = try Arena(
      "moments", byteCount: Moments.byteCount(count: count, precision: .float32))
    let moments = Moments(count: count, precision: .float32, in: memory)
    let gradient = bench.matrix(1, count, .float32)
    var (m, v) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
    let optimizer = AdamW(weightDecay: 0.1)
    split.assign(plain)
    for step in 1...20 {
      let g = randomFloats(count, seed: UInt64(100 + step))
      gradient.assign(g)
      Compute.with(isa: isa, threads: Int32(1 + step % 3)) {
        optimizer.update(
          split, moments, gradient: gradient, gradientScale: 0.5, learningRate: 1e-2, step: step,
          rounding: RoundingKey(RandomGenerator(seed: 1), step: step))
      }
      let correction1 = 1 - Float(pow(0.9, Double(step)))
      let correction2 = 1 - Float(pow(0.999, Double(step)))
      for index in 0..<count {
        let scaled = 0.5 * g[index]
        m[index] = 0.9 * m[index] + (1 - 0.9) * scaled
        v[index] = 0.999 * v[index] + (1 - 0.999) * scaled * scaled
        let update = m[index] / correction1 / ((v[index] / correction2).squareRoot() + 1e-8)
        plain[index] -= 1e-2 * (0.1 * plain[index] + update)
      }
    }
    let result = split.array()
    #expect(relativeError(moments.values().first, m) < LayerTolerance.float32)
    #expect(relativeError(moments.values().second, v) < 2e-5)
    #expect(relativeError(result, plain) < 1e-5)
    #expect(split.roundedArray() != result)
    #expect(bench.bordersAreIntact())
  }

  private func run(
    _ precision: ParameterPrecision, _ moments: MomentPrecision, threads: Int32, isa: Int32? = nil
  ) throws -> (values: [Float], first: [Float], second: [Float]) {
    let count = 20_011
    let memory = try Arena("parameters", byteCount: 1 << 20)
    let parameters = TrainableParameters(
      rows: 1, columns: count, precision: precision, isRead: .bfloat16, in: memory)
    let state = Moments(count: count, precision: moments, in: memory)
    let gradient = memory.allocate(rows: 1, columns: count, type: .float32)
    parameters.assign(randomFloats(count, seed: 41))
    Compute.with(isa: isa ?? Compute.available.last!, threads: threads) {
      for step in 1...6 {
        gradient.assign(randomFloats(count, seed: UInt64(50 + step)))
        AdamW(weightDecay: 0.1).update(
          parameters, state, gradient: gradient, learningRate: 1e-2, step: step,
          rounding: RoundingKey(RandomGenerator(seed: 2), step: step, index: 1024))
      }
    }
    if precision == .float32 {
      #expect(parameters.roundedArray() == parameters.array().map { BFloat16($0).float })
    }
    let (first, second) = state.values()
    return (parameters.array(), first, second)
  }

  @Test(arguments: ParameterPrecision.allCases, MomentPrecision.allCases)
  func everyPrecisionFollowsFloat32AndNotTheThreads(
    _ precision: ParameterPrecision, _ moments: MomentPrecision
  ) throws {
    let exact = try run(.float32, .float32, threads: 1)
    let found = try run(precision, moments, threads: 1)
    let threaded = try run(precision, moments, threads: 2)
    #expect(found.values == threaded.values && found.first == threaded.first)
    #expect(found.second == threaded.second)
    // Rounding errors of single moments: an eighth at most, a tenth with what later steps add.
    let tolerance = moments == .eightBit ? 0.1 : moments == .bfloat16 ? 0.01 : 1e-6
    #expect(relativeError(found.first, exact.first) < tolerance)
    #expect(relativeError(found.second, exact.second) < tolerance)
    let change = relativeError(found.values, exact.values)
    #expect(change < (precision == .bfloat16 ? 0.02 : moments == .float32 ? 1e-9 : 0.01))
    if precision == .bfloat16 { #expect(change > 1e-4) }
  }

  /// Every tier takes the same random decisions on numbers that differ in their last bits at most.
  @Test(arguments: Compute.available)
  func tiersAgreeInEveryPrecision(_ isa: Int32) throws {
    let scalar = try run(.bfloat16, .eightBit, threads: 1, isa: Compute.scalar)
    let found = try run(.bfloat16, .eightBit, threads: 1, isa: isa)
    let other = zip(scalar.values, found.values).reduce(0) { $0 + ($1.0 == $1.1 ? 0 : 1) }
    #expect(other < scalar.values.count / 100)
  }

  @Test(arguments: Compute.available, ParameterPrecision.allCases)
  func descentIsItsFormula(_ isa: Int32, _ precision: ParameterPrecision) throws {
    let count = 1003
    let memory = try Arena("parameters", byteCount: 1 << 16)
    let parameters = TrainableParameters(
      rows: 1, columns: count, precision: precision, isRead: .float32, in: memory)
    let gradient = memory.allocate(rows: 1, columns: count, type: .float32)
    let (start, g) = (randomFloats(count, seed: 1), randomFloats(count, seed: 2))
    parameters.assign(start)
    gradient.assign(g)
    Compute.with(isa: isa) {
      GradientDescent(weightDecay: 0.1).update(
        parameters, gradient: gradient, gradientScale: 0.5, learningRate: 0.3,
        rounding: RoundingKey(RandomGenerator(seed: 2), step: 1))
    }
    let expected = zip(start, g).map { $0 - 0.3 * (0.1 * $0 + 0.5 * $1) }
    #expect(
      relativeError(parameters.array(), expected) < (precision == .bfloat16 ? 0.004 : 1e-6))
  }

  /// A noisy quadratic at the learning rate of LoRA: steps smaller than half a step of bf16 are lost when rounding to nearest.
  @Test func onlyRoundingToNearestStalls() throws {
    let (count, steps) = (1024, 3000)
    let start = randomFloats(count, seed: 61)
    let goal = zip(start, randomFloats(count, seed: 62, scale: 0.4)).map { $0 + $1 }
    let noise = randomFloats(2 * count, seed: 63, scale: 0.2)
    func error(
      _ precision: ParameterPrecision, _ moments: MomentPrecision, nearest: Bool = false
    ) throws -> Double {
      let memory = try Arena("parameters", byteCount: 1 << 16)
      let parameters = TrainableParameters(
        rows: 1, columns: count, precision: precision, isRead: .bfloat16, in: memory)
      let state = Moments(count: count, precision: moments, in: memory)
      let gradient = memory.allocate(rows: 1, columns: count, type: .float32)
      parameters.assign(start)
      for step in 1...steps {
        let values = parameters.array()
        var g = [Float](repeating: 0, count: count)
        for index in 0..<count {
          g[index] = values[index] - goal[index] + noise[index + step * 37 % count]
        }
        gradient.assign(g)
        AdamW().update(
          parameters, state, gradient: gradient, learningRate: 2e-4, step: step,
          rounding: RoundingKey(RandomGenerator(seed: 4), step: step))
        if nearest { parameters.assign(parameters.roundedArray()) }
      }
      return relativeError(
        zip(parameters.array(), goal).map { $0 - $1 }.map { $0 + 1 },
        [Float](repeating: 1, count: count))
        / relativeError(
          zip(start, goal).map { $0 - $1 }.map { $0 + 1 }, [Float](repeating: 1, count: count))
    }
    let exact = try error(.float32, .float32)
    let nearest = try error(.float32, .float32, nearest: true)
    #expect(exact < 0.1 && nearest > 5 * exact, "\(exact), \(nearest)")
    #expect(try error(.splitFloat32, .float32) == exact)
    for (precision, moments) in [
      (ParameterPrecision.bfloat16, MomentPrecision.float32), (.float32, .bfloat16),
      (.float32, .eightBit), (.bfloat16, .eightBit),
    ] {
      let found = try error(precision, moments)
      #expect(found < 1.3 * exact, "\(precision), \(moments): \(found), not \(exact)")
    }
  }

  @Test(arguments: Compute.available, [0, 1, 17, 4096, 50_001])
  func theSumOfSquaresIsExactToDoublePrecision(_ isa: Int32, _ count: Int) throws {
    let bench = try Bench()
    let values = randomFloats(count, seed: 23)
    let x = bench.matrix(1, count, .float32, values)
    let sums = (Int32(1)...3).map { threads in
      Compute.with(isa: isa, threads: threads) { sumOfSquares(x) }
    }
    #expect(abs(sums[0] - dot(values, values)) <= 1e-12 * sums[0])
    #expect(sums[0] == sums[1] && sums[0] == sums[2])
  }
}
