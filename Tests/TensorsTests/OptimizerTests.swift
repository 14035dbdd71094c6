import CKernels
import Foundation
import Testing

@testable import Tensors

@Suite(.serialized)
struct OptimizerTests {
  private func parameters(_ bench: Bench, _ count: Int) -> SplitParameters {
    SplitParameters(
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
    for (index, high) in split.high.array().enumerated() {
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
    let (first, second) = (bench.matrix(1, count, .float32), bench.matrix(1, count, .float32))
    first.clear()
    second.clear()
    let gradient = bench.matrix(1, count, .float32)
    var (m, v) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
    let optimizer = AdamW(weightDecay: 0.1)
    split.assign(plain)
    for step in 1...20 {
      let g = randomFloats(count, seed: UInt64(100 + step))
      gradient.assign(g)
      Compute.with(isa: isa, threads: Int32(1 + step % 3)) {
        optimizer.update(
          split, first: first, second: second, gradient: gradient, gradientScale: 0.5,
          learningRate: 1e-2, step: step)
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
    #expect(relativeError(first.array(), m) < LayerTolerance.float32)
    #expect(relativeError(second.array(), v) < 2e-5)
    #expect(relativeError(result, plain) < 1e-5)
    #expect(split.high.array() != result)
    #expect(bench.bordersAreIntact())
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
