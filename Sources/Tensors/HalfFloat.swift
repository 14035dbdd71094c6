/// IEEE 754 half precision (1 sign, 5 exponent, 10 fraction bits) to and from single precision, sixteen at a time.
///
/// By bit arithmetic, since not every platform of Swift has `Float16`. The formulas are those of Maratyszcza's FP16
/// library, which ggml uses too: rounding to nearest, ties to even; subnormals exact; NaN stays NaN.
enum HalfFloat {
  /// The values of sixteen bit patterns; exact.
  @inline(__always)
  static func decode(_ bits: SIMD16<UInt16>) -> SIMD16<Float> {
    let word = SIMD16<UInt32>(truncatingIfNeeded: bits) &<< 16
    let sign = word & 0x8000_0000
    let twice = word &+ word
    let normal =
      SIMD16<Float>(bits: (twice &>> 4) &+ 0x7000_0000) * Float(bitPattern: 0x0780_0000)
    let subnormal = SIMD16<Float>(bits: (twice &>> 17) | 0x3F00_0000) - 0.5
    let magnitude = normal.selecting(
      subnormal, where: isBelow(twice &>> 1, SIMD16(repeating: 0x0400_0000)))
    return SIMD16<Float>(bits: SIMD16<UInt32>(floats: magnitude) | sign)
  }

  /// The nearest bit patterns of sixteen values.
  @inline(__always)
  static func encode(_ values: SIMD16<Float>) -> SIMD16<UInt16> {
    let word = SIMD16<UInt32>(floats: values)
    let twice = word &+ word
    let magnitude = SIMD16<Float>(bits: word & 0x7FFF_FFFF)
    // Times 2^112, which saturates what is too large, then times 2^-110.
    let scaled = magnitude * Float(bitPattern: 0x7780_0000) * Float(bitPattern: 0x0880_0000)
    let exponent = twice & 0xFF00_0000
    let bias = exponent.selecting(
      SIMD16(repeating: 0x7100_0000), where: isBelow(exponent &>> 1, SIMD16(repeating: 0x3880_0000))
    )
    // Adding the bias rounds the fraction at the right place.
    let rounded = SIMD16<UInt32>(
      floats: SIMD16<Float>(bits: (bias &>> 1) &+ 0x0780_0000) + scaled)
    let number = ((rounded &>> 13) & 0x7C00) &+ (rounded & 0x0FFF)
    let half = number.selecting(
      SIMD16(repeating: 0x7E00), where: isBelow(SIMD16(repeating: 0x7F80_0000), twice &>> 1))
    return SIMD16<UInt16>(truncatingIfNeeded: ((word &>> 16) & 0x8000) | half)
  }

  /// One value of a bit pattern.
  @inline(__always)
  static func decode(_ bits: UInt16) -> Float {
    let word = UInt32(bits) << 16
    let twice = word &+ word
    let magnitude =
      twice < 0x0800_0000
      ? Float(bitPattern: (twice >> 17) | 0x3F00_0000) - 0.5
      : Float(bitPattern: (twice >> 4) &+ 0x7000_0000) * Float(bitPattern: 0x0780_0000)
    return Float(bitPattern: magnitude.bitPattern | (word & 0x8000_0000))
  }

  /// The nearest bit pattern of one value.
  @inline(__always)
  static func encode(_ value: Float) -> UInt16 {
    encode(SIMD16<Float>(repeating: value))[0]
  }
}

// Comparisons and selections by bit arithmetic: those of the standard library go lane by lane. A mask has all bits
// set in a lane, or none. Floats that are not negative compare as their bit patterns do.

/// The mask of lanes in which `a` is less than `b`; both are less than 2^31.
@inline(__always)
func isBelow(_ a: SIMD16<UInt32>, _ b: SIMD16<UInt32>) -> SIMD16<UInt32> {
  isNegative(a &- b)
}

/// The mask of lanes whose upper bit is set.
@inline(__always)
func isNegative(_ bits: SIMD16<UInt32>) -> SIMD16<UInt32> {
  SIMD16<UInt32>(truncatingIfNeeded: SIMD16<Int32>(truncatingIfNeeded: bits) &>> 31)
}

extension SIMD16<Float> {
  /// The floats with these bit patterns.
  @inline(__always)
  init(bits: SIMD16<UInt32>) { self = unsafe unsafeBitCast(bits, to: SIMD16<Float>.self) }

  /// `other` in the lanes of `mask`, `self` in the others.
  @inline(__always)
  func selecting(_ other: Self, where mask: SIMD16<UInt32>) -> Self {
    Self(bits: SIMD16<UInt32>(floats: self).selecting(SIMD16<UInt32>(floats: other), where: mask))
  }
}

extension SIMD16<UInt32> {
  /// The bit patterns of these floats.
  @inline(__always)
  init(floats: SIMD16<Float>) { self = unsafe unsafeBitCast(floats, to: SIMD16<UInt32>.self) }

  /// `other` in the lanes of `mask`, `self` in the others.
  @inline(__always)
  func selecting(_ other: Self, where mask: SIMD16<UInt32>) -> Self {
    (self & ~mask) | (other & mask)
  }
}
