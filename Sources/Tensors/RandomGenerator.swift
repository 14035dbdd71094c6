internal import Glibc

/// Seeded random numbers: xoshiro256** (Blackman, Vigna 2021), its state filled by SplitMix64.
///
/// The same seed gives the same numbers on every machine. Streams for different purposes are
/// derived by name or index, so that one consumer's draws never shift another's. Not for
/// cryptography.
public struct RandomGenerator: RandomNumberGenerator, Sendable, Hashable, Codable {
  /// What streams are derived from; it does not change with draws.
  public let seed: UInt64
  private var state0: UInt64
  private var state1: UInt64
  private var state2: UInt64
  private var state3: UInt64

  /// The generator of `seed`; every seed is good, zero too.
  public init(seed: UInt64) {
    self.seed = seed
    var mixer = seed
    state0 = RandomGenerator.splitMix(&mixer)
    state1 = RandomGenerator.splitMix(&mixer)
    state2 = RandomGenerator.splitMix(&mixer)
    state3 = RandomGenerator.splitMix(&mixer)
  }

  // MARK: - Streams

  /// An independent generator for `name`; the same for equal (seed, name), whatever was drawn
  /// before.
  public func stream(_ name: String) -> RandomGenerator {
    // FNV-1a over the UTF-8 bytes: Swift's own hash differs from run to run.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
    return derived(hash)
  }

  /// An independent generator for `index`; the same for equal (seed, index), whatever was drawn
  /// before.
  public func stream(_ index: Int) -> RandomGenerator {
    derived(UInt64(bitPattern: Int64(index)) ^ 0x5851_F42D_4C95_7F2D)
  }

  private func derived(_ key: UInt64) -> RandomGenerator {
    var mixer = seed
    let first = RandomGenerator.splitMix(&mixer)
    mixer = first ^ key
    return RandomGenerator(seed: RandomGenerator.splitMix(&mixer))
  }

  // MARK: - Draws

  /// 64 random bits.
  public mutating func next() -> UInt64 {
    let result = RandomGenerator.rotate(state1 &* 5, 7) &* 9
    let shifted = state1 << 17
    state2 ^= state0
    state3 ^= state1
    state1 ^= state2
    state0 ^= state3
    state2 ^= shifted
    state3 = RandomGenerator.rotate(state3, 45)
    return result
  }

  /// Uniform in [0, 1), 53 bits.
  public mutating func uniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// Uniform in 0..<bound without bias (Lemire 2019). Traps unless `bound` is positive.
  public mutating func index(below bound: Int) -> Int {
    precondition(bound > 0)
    let range = UInt64(bound)
    var product = next().multipliedFullWidth(by: range)
    if product.low < range {
      let threshold = (0 &- range) % range
      while product.low < threshold {
        product = next().multipliedFullWidth(by: range)
      }
    }
    return Int(product.high)
  }

  /// Two independent standard normal values (Box, Muller 1958): always exactly two draws.
  public mutating func gaussianPair() -> (Double, Double) {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    let radius = (-2 * log(1 - uniform())).squareRoot()
    let angle = 2 * Double.pi * uniform()
    return (radius * cos(angle), radius * sin(angle))
  }

  /// `count` normal values of mean 0, drawn in order.
  public mutating func gaussians(_ count: Int, deviation: Float = 1) -> [Float] {
    precondition(count >= 0)
    var values: [Float] = []
    values.reserveCapacity(count + 1)
    while values.count < count {
      let (first, second) = gaussianPair()
      values.append(Float(first) * deviation)
      if values.count < count { values.append(Float(second) * deviation) }
    }
    return values
  }

  /// `count` uniform values in [-bound, bound), drawn in order.
  public mutating func uniforms(_ count: Int, bound: Float) -> [Float] {
    precondition(count >= 0)
    var values: [Float] = []
    values.reserveCapacity(count)
    for _ in 0..<count {
      values.append(Float((2 * uniform() - 1) * Double(bound)))
    }
    return values
  }

  /// Fisher–Yates in place: every order equally likely.
  public mutating func shuffle<Element>(_ elements: inout [Element]) {
    guard elements.count > 1 else { return }
    for last in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(last, index(below: last + 1))
    }
  }

  /// A random order of 0..<count.
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    shuffle(&order)
    return order
  }

  // MARK: - Bits

  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
    (value << count) | (value >> (64 - count))
  }

  private static func splitMix(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
