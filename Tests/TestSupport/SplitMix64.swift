internal import Foundation

/// SplitMix64 (Steele, Lea, Flood 2014): reproducible random numbers for tests.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1).
  public mutating func uniform() -> Float { Float(next() >> 40) / Float(1 << 24) }

  /// Standard normal (Box–Muller).
  public mutating func normal() -> Float {
    let u = Double(next() >> 11) / Double(1 << 53)
    let v = Double(next() >> 11) / Double(1 << 53)
    return Float((-2 * log(1 - u)).squareRoot() * cos(2 * Double.pi * v))
  }

  /// `count` random bytes.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
  }

  /// `count` standard normal numbers.
  public mutating func normals(_ count: Int) -> [Float] {
    (0..<count).map { _ in normal() }
  }
}
