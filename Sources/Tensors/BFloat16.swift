/// The upper half of an IEEE 754 single: 8 bits of exponent, 7 of fraction.
public struct BFloat16: Sendable, Hashable {
  public let bitPattern: UInt16

  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// Rounded to nearest, ties to even; a NaN stays a (quiet) NaN.
  public init(_ value: Float) {
    let bits = value.bitPattern
    if value.isNaN {
      bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x40
    } else {
      bitPattern = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }
  }

  public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }
}
