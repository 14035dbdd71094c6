import CKernels
import Foundation
import Testing

@testable import Tensors

/// Numbers kept in 16 and 8 bits and rounded at random, against formulas in Swift.
@Suite(.serialized)
struct MomentsTests {
  /// The random bits of optimizer.c.
  private static func noise(_ key: UInt64, _ index: Int) -> UInt32 {
    var x = UInt32(truncatingIfNeeded: index) ^ UInt32(truncatingIfNeeded: key)
    x = (x ^ x >> 16) &* 0x7FEB_352D
    x = ((x ^ x >> 15) &+ UInt32(truncatingIfNeeded: key >> 32)) &* 0x846C_A68B
    return x ^ x >> 16
  }

  private static let key: UInt64 = 0x1234_5678_9ABC_DEF1

  /// Of all magnitudes, both signs, and zero.
  private static func samples(_ count: Int, signed: Bool) -> [Float] {
    zip(randomFloats(count, seed: 31), randomFloats(count, seed: 32, scale: 30)).map {
      let value = $0 * exp2($1)
      return signed ? value : abs(value)
    }
  }

  @Test(arguments: Compute.available, [1, 17, 4099])
  func randomRoundingIsItsFormulaOnEveryTier(_ isa: Int32, _ count: Int) {
    let values = Self.samples(count, signed: true)
    let expected = values.enumerated().map { index, value in
      UInt16((value.bitPattern + (Self.noise(Self.key, 5 + index) & 0xFFFF)) >> 16)
    }
    for threads in Int32(1)...3 {
      var found = [UInt16](repeating: 0, count: count + 1)
      found[count] = 0xABCD
      Compute.with(isa: isa, threads: threads) {
        ck_round_randomly(&found, values, Self.key, 5, Int64(count))
      }
      #expect(found == expected + [0xABCD])
    }
  }

  @Test(arguments: Compute.available)
  func randomRoundingKeepsWhatIsNotFinite(_ isa: Int32) {
    let values = (0..<40).map { [Float.nan, .infinity, -.infinity, 0, -0.0, 1][$0 % 6] }
    var found = [UInt16](repeating: 0, count: 40)
    Compute.with(isa: isa) { ck_round_randomly(&found, values, Self.key, 0, 40) }
    for (bits, value) in zip(found, values) {
      let float = BFloat16(bitPattern: bits).float
      #expect(value.isNaN ? float.isNaN : float == value)
    }
  }

  /// Ten thousand draws of one value by index, and by key: the mean is within four deviations of the value.
  @Test(arguments: [Float(1.001), -0.7777, 3e-5, 1.9999])
  func randomRoundingIsRightOnAverage(_ value: Float) {
    let draws = 10_000
    let step =
      BFloat16(bitPattern: UInt16(value.bitPattern >> 16) + 1).float
      - BFloat16(bitPattern: UInt16(value.bitPattern >> 16)).float
    func check(_ results: [UInt16], _ name: String) {
      let mean =
        results.reduce(0.0) { $0 + Double(BFloat16(bitPattern: $1).float) } / Double(draws)
      let limit = 4 * 0.5 * abs(Double(step)) / Double(draws).squareRoot()
      #expect(abs(mean - Double(value)) < limit, "\(name): \(mean)")
      #expect(Set(results).count == 2)
    }
    var byIndex = [UInt16](repeating: 0, count: draws)
    ck_round_randomly(
      &byIndex, [Float](repeating: value, count: draws), Self.key, 77, Int64(draws))
    check(byIndex, "by index")
    let generator = RandomGenerator(seed: 3).stream("rounding")
    var byStep = [UInt16](repeating: 0, count: draws)
    for step in 0..<draws {
      ck_round_randomly(&byStep[step], [value], RoundingKey(generator, step: step).key, 9, 1)
    }
    check(byStep, "by step")
  }

  @Test(arguments: Compute.available, [1, 16, 255, 256, 257, 1031])
  func eightBitCodesAreTheirFormulaOnEveryTier(_ isa: Int32, _ count: Int) {
    for isSigned in [true, false] {
      let values = Self.samples(count, signed: isSigned)
      let offset: Float = isSigned ? exp2(-15) : exp2(-31)
      let blocks = (count + 255) / 256
      var scales = [Float](repeating: 0, count: blocks)
      var codes = [UInt8](repeating: 0, count: count)
      var numbers = [Float](repeating: 0, count: count)
      Compute.with(isa: isa) {
        ck_encode_moments(
          &codes, &scales, values, isSigned ? 1 : 0, Self.key, 512, Int64(count))
        ck_decode_moments(&numbers, codes, scales, isSigned ? 1 : 0, Int64(count))
      }
      for index in 0..<count {
        let block = values[index / 256 * 256..<min(count, index / 256 * 256 + 256)]
        let scale = block.map { abs($0) }.max()!
        #expect(scales[index / 256] == scale)
        let shifted = min(1, abs(values[index]) / scale + offset)
        let bits = (shifted.bitPattern + (Self.noise(Self.key, 512 + index) >> 12)) >> 20
        let share = Float(bitPattern: bits << 20) - offset
        let sign: Float = values[index] < 0 ? -1 : 1
        let expected = isSigned ? sign * share * scale : max(share, exp2(-35)) * scale
        #expect(numbers[index] == expected)
        // Within one step: an eighth of the value, or of the offset where that is more.
        let step = (abs(values[index]) + offset * scale) / 8
        #expect(abs(numbers[index] - values[index]) <= step * 1.0001)
      }
    }
  }

  @Test func eightBitCodesAreRightOnAverage() {
    let draws = 20_000
    for (isSigned, value) in [(true, Float(0.37)), (true, -0.0111), (true, 1e-6), (false, 2e-5)] {
      var sum = 0.0
      var squares = 0.0
      for draw in 0..<draws {
        var (codes, scales) = ([UInt8](repeating: 0, count: 2), [Float](repeating: 0, count: 1))
        var numbers = [Float](repeating: 0, count: 2)
        ck_encode_moments(
          &codes, &scales, [value, 1], isSigned ? 1 : 0, Self.key, Int64(2 * draw), 2)
        ck_decode_moments(&numbers, codes, scales, isSigned ? 1 : 0, 2)
        sum += Double(numbers[0])
        squares += Double(numbers[0] * numbers[0])
      }
      let mean = sum / Double(draws)
      let deviation = max(squares / Double(draws) - mean * mean, 0).squareRoot()
      #expect(deviation > 0)
      #expect(abs(mean - Double(value)) < 4 * deviation / Double(draws).squareRoot(), "\(value)")
    }
  }

  @Test func smallSecondMomentsAreNeverZeroAndEmptyBlocksAre() {
    var (codes, scales) = ([UInt8](repeating: 0, count: 300), [Float](repeating: 0, count: 2))
    var numbers = [Float](repeating: 0, count: 300)
    var values = [Float](repeating: 0, count: 300)
    values[3] = 1
    values[4] = 1e-20
    ck_encode_moments(&codes, &scales, values, 0, Self.key, 0, 300)
    ck_decode_moments(&numbers, codes, scales, 0, 300)
    #expect(numbers[..<256].allSatisfy { $0 > 0 } && numbers[4] < 1e-9)
    #expect(numbers[256...].allSatisfy { $0 == 0 })
  }

  @Test(arguments: MomentPrecision.allCases)
  func momentsTakeTheBytesTheySay(_ precision: MomentPrecision) throws {
    let bytes = Moments.byteCount(count: 2048, precision: precision)
    let arena = try Arena("moments", byteCount: bytes)
    let moments = Moments(count: 2048, precision: precision, in: arena)
    #expect(arena.used == bytes)
    switch precision {
    case .float32: #expect(bytes == 8 * 2048)
    case .bfloat16: #expect(bytes == 4 * 2048)
    case .eightBit: #expect(bytes == 2 * 2048 + 2 * 64)
    }
    let part = moments[512..<1000]
    #expect(part.count == 488 && part.values().first == [Float](repeating: 0, count: 488))
  }
}
