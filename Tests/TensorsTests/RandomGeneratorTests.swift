import Testing

@testable import Tensors

@Suite struct RandomGeneratorTests {
  /// Values of an independent program (Python integers) of xoshiro256** seeded by SplitMix64.
  @Test func drawsTheSequenceOfTheDefinition() {
    let sequences: [(seed: UInt64, values: [UInt64])] = [
      (0, [11_091_344_671_253_066_420, 13_793_997_310_169_335_082, 1_900_383_378_846_508_768]),
      (42, [1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009]),
    ]
    for (seed, values) in sequences {
      var generator = RandomGenerator(seed: seed)
      #expect(values.indices.map { _ in generator.next() } == values)
    }
  }

  @Test func streamsDoNotDependOnDrawsOrOnEachOther() {
    let fresh = RandomGenerator(seed: 7)
    var used = fresh
    _ = used.gaussians(5)
    #expect(fresh.stream("blk.0.attn_q") == used.stream("blk.0.attn_q"))
    #expect(fresh.stream(3) == used.stream(3))
    var streams: Set<RandomGenerator> = [fresh]
    for layer in 0..<30 {
      streams.insert(fresh.stream("blk.\(layer).attn_q"))
      streams.insert(fresh.stream(layer))
      streams.insert(fresh.stream("blk.\(layer).attn_q").stream("start"))
    }
    #expect(streams.count == 91)
    #expect(RandomGenerator(seed: 8).stream(3) != fresh.stream(3))
  }

  @Test func gaussiansHaveTheMomentsOfTheNormalDistribution() {
    var generator = RandomGenerator(seed: 1)
    let values = generator.gaussians(20_001, deviation: 2).map { Double($0) / 2 }
    let count = Double(values.count)
    #expect(values.count == 20_001)
    #expect(abs(values.reduce(0, +) / count) < 0.03)
    #expect(abs(values.reduce(0) { $0 + $1 * $1 } / count - 1) < 0.04)
    #expect(abs(values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count - 3) < 0.3)
  }

  @Test func gaussiansOfAPrefixAreAPrefix() {
    var short = RandomGenerator(seed: 3)
    var long = RandomGenerator(seed: 3)
    #expect(short.gaussians(7) == Array(long.gaussians(20).prefix(7)))
  }

  @Test func uniformsFillTheirInterval() {
    var generator = RandomGenerator(seed: 5)
    let values = generator.uniforms(5_000, bound: 0.25)
    #expect(values.allSatisfy { abs($0) <= 0.25 })
    #expect(values.max()! > 0.249 && values.min()! < -0.249)
  }

  @Test func indicesAreUniform() {
    var generator = RandomGenerator(seed: 11)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<14_000 { counts[generator.index(below: 7)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 2_000) < 200 })
  }

  @Test func shufflingKeepsElementsAndReachesEveryOrder() {
    var generator = RandomGenerator(seed: 13)
    #expect(generator.permutation(100).sorted() == Array(0..<100))
    var orders: [[Int]: Int] = [:]
    for _ in 0..<6_000 { orders[generator.permutation(3), default: 0] += 1 }
    #expect(orders.count == 6 && orders.values.allSatisfy { abs($0 - 1_000) < 150 })
    var nothing: [Int] = []
    generator.shuffle(&nothing)
    #expect(nothing.isEmpty)
  }
}
