internal import CKernels

/// Encoding, one function a block format, each the arithmetic of ggml's `quantize_row_*_ref` in its order, so that
/// the bytes are the same: the scale is rounded to half only when stored, quantization divides by the unrounded one.
/// Q4_K, Q5_K, Q6_K and IQ4_NL are the exception: C alone encodes them, by a search of its own (encode_k.c, codec_iq4.c).
extension Codec {
  /// The blocks of `count` values (whole blocks) to `target`.
  @unsafe
  static func encodeRow(
    into target: UnsafeMutableRawPointer, _ x: UnsafePointer<Float>, _ format: BlockFormat,
    _ count: Int
  ) {
    switch format {
    case .f32:
      unsafe target.copyMemory(from: x, byteCount: count * 4)
    case .f16:
      unsafe encodeHalves(target, x, count)
    case .bf16:
      unsafe encodeBFloat16(target, x, count)
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0:
      for block in 0..<count / 32 {
        let place = unsafe target + block * format.blockByteCount
        let values = unsafe Values32(x + block * 32)
        switch format {
        case .q4_0: unsafe encodeSymmetric(place, values, levels: 8, hasFifthBit: false)
        case .q4_1: unsafe encodeAffine(place, values, levels: 15, hasFifthBit: false)
        case .q5_0: unsafe encodeSymmetric(place, values, levels: 16, hasFifthBit: true)
        case .q5_1: unsafe encodeAffine(place, values, levels: 31, hasFifthBit: true)
        default: unsafe encodeSymmetric8(place, values)
        }
      }
    case .q4_K, .q5_K, .q6_K, .iq4_NL:
      // Searches over scales: one implementation, in C.
      unsafe ck_quantize(target, x, format.code, 1, Int64(count))
    case .q2_K, .q3_K, .iq4_XS:
      preconditionFailure("\(format.name) cannot be encoded")
    }
  }

  // MARK: - Floats

  @unsafe
  private static func encodeHalves(
    _ target: UnsafeMutableRawPointer, _ x: UnsafePointer<Float>, _ count: Int
  ) {
    var index = 0
    while index + 16 <= count {
      let values = unsafe UnsafeRawPointer(x + index).loadUnaligned(as: SIMD16<Float>.self)
      unsafe target.storeBytes(
        of: HalfFloat.encode(values), toByteOffset: index * 2, as: SIMD16<UInt16>.self)
      index += 16
    }
    while index < count {
      unsafe target.storeBytes(
        of: HalfFloat.encode(x[index]), toByteOffset: index * 2, as: UInt16.self)
      index += 1
    }
  }

  @unsafe
  private static func encodeBFloat16(
    _ target: UnsafeMutableRawPointer, _ x: UnsafePointer<Float>, _ count: Int
  ) {
    var index = 0
    while index + 16 <= count {
      let bits = unsafe UnsafeRawPointer(x + index).loadUnaligned(as: SIMD16<UInt32>.self)
      let number = (bits &+ 0x7FFF &+ ((bits &>> 16) & 1)) &>> 16
      let rounded = number.selecting(
        (bits &>> 16) | 0x40, where: isBelow(SIMD16(repeating: 0x7F80_0000), bits & 0x7FFF_FFFF))
      unsafe target.storeBytes(
        of: SIMD16<UInt16>(truncatingIfNeeded: rounded), toByteOffset: index * 2,
        as: SIMD16<UInt16>.self)
      index += 16
    }
    while index < count {
      unsafe target.storeBytes(
        of: BFloat16(x[index]).bitPattern, toByteOffset: index * 2, as: UInt16.self)
      index += 1
    }
  }

  // MARK: - Blocks of 32

  /// Q4_0, Q5_0: the value of largest magnitude becomes exactly −`levels`.
  @unsafe
  private static func encodeSymmetric(
    _ block: UnsafeMutableRawPointer, _ x: Values32, levels: Float, hasFifthBit: Bool
  ) {
    let d = x.largest / -levels
    let inverse = d != 0 ? 1 / d : 0
    unsafe block.storeBytes(of: HalfFloat.encode(d), as: UInt16.self)
    let q0 = integers(x.low * inverse + (levels + 0.5), limit: 2 * levels - 1)
    let q1 = integers(x.high * inverse + (levels + 0.5), limit: 2 * levels - 1)
    unsafe storeQuanta(block + 2, q0, q1, hasFifthBit: hasFifthBit)
  }

  /// Q4_1, Q5_1: the least value becomes 0, the greatest `levels`.
  @unsafe
  private static func encodeAffine(
    _ block: UnsafeMutableRawPointer, _ x: Values32, levels: Float, hasFifthBit: Bool
  ) {
    let (least, greatest) = x.extremes
    let d = (greatest - least) / levels
    let inverse = d != 0 ? 1 / d : 0
    unsafe block.storeBytes(of: HalfFloat.encode(d), as: UInt16.self)
    unsafe block.storeBytes(of: HalfFloat.encode(least), toByteOffset: 2, as: UInt16.self)
    let q0 = integers((x.low - least) * inverse + 0.5, limit: levels)
    let q1 = integers((x.high - least) * inverse + 0.5, limit: levels)
    unsafe storeQuanta(block + 4, q0, q1, hasFifthBit: hasFifthBit)
  }

  /// Q8_0: the largest magnitude becomes ±127; halves are rounded away from zero.
  @unsafe
  private static func encodeSymmetric8(_ block: UnsafeMutableRawPointer, _ x: Values32) {
    let d = abs(x.largest) / 127
    let inverse = d != 0 ? 1 / d : 0
    unsafe block.storeBytes(of: HalfFloat.encode(d), as: UInt16.self)
    unsafe block.storeBytes(
      of: roundedBytes(x.low * inverse), toByteOffset: 2, as: SIMD16<UInt8>.self)
    unsafe block.storeBytes(
      of: roundedBytes(x.high * inverse), toByteOffset: 18, as: SIMD16<UInt8>.self)
  }

  // MARK: - Pieces

  /// Fifth bits (when the format has them), then value j and value j + 16 as the nibbles of byte j.
  @unsafe @inline(__always)
  private static func storeQuanta(
    _ place: UnsafeMutableRawPointer, _ q0: SIMD16<UInt32>, _ q1: SIMD16<UInt32>,
    hasFifthBit: Bool
  ) {
    let packed = (q0 & 15) | ((q1 & 15) &<< 4)
    if hasFifthBit {
      let lanes = SIMD16<UInt32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
      let fifth = ((q0 &>> 4) &<< lanes) | ((q1 &>> 4) &<< (lanes &+ 16))
      // Every lane holds bits of its own, so that their sum is their union.
      unsafe place.storeBytes(of: fifth.wrappedSum(), as: UInt32.self)
    }
    unsafe place.storeBytes(
      of: SIMD16<UInt8>(truncatingIfNeeded: packed), toByteOffset: hasFifthBit ? 4 : 0,
      as: SIMD16<UInt8>.self)
  }

  /// Truncation to integers 0…limit; what is not a number becomes one of the two.
  @inline(__always)
  private static func integers(_ values: SIMD16<Float>, limit: Float) -> SIMD16<UInt32> {
    let word = SIMD16<UInt32>(floats: values)
    return bits(truncated(clamped(word & ~isNegative(word), limit)))
  }

  /// Rounding to nearest, halves away from zero, to int8 −127…127.
  @inline(__always)
  private static func roundedBytes(_ values: SIMD16<Float>) -> SIMD16<UInt8> {
    let word = SIMD16<UInt32>(floats: values)
    let magnitude = clamped(word & 0x7FFF_FFFF, 127)
    let whole = truncated(magnitude)
    let half = SIMD16<UInt32>(repeating: Float(0.5).bitPattern)
    let isUp = ~isBelow(SIMD16<UInt32>(floats: magnitude - whole), half)
    // Minus −1 is plus 1; then the two's complement where the value is negative.
    let rounded = bits(whole) &- isUp
    let sign = isNegative(word)
    return SIMD16<UInt8>(truncatingIfNeeded: (rounded ^ sign) &- sign)
  }

  /// Floats that are not negative, given as bit patterns, at most `limit`.
  @inline(__always)
  private static func clamped(_ word: SIMD16<UInt32>, _ limit: Float) -> SIMD16<Float> {
    let limit = SIMD16<UInt32>(repeating: limit.bitPattern)
    return SIMD16<Float>(bits: word.selecting(limit, where: isBelow(limit, word)))
  }

  /// The integers not above `values`, which lie in 0…2^22. Adding 2^23 rounds to nearest; one less where that is up.
  @inline(__always)
  private static func truncated(_ values: SIMD16<Float>) -> SIMD16<Float> {
    let nearest = (values + 8_388_608) - 8_388_608
    let one = SIMD16<UInt32>(repeating: Float(1).bitPattern)
    let isUp = isBelow(SIMD16<UInt32>(floats: values), SIMD16<UInt32>(floats: nearest))
    return nearest - SIMD16<Float>(bits: one & isUp)
  }

  /// Whole floats 0…255 as integers: plus 2^23, they are the low bits of the fraction.
  @inline(__always)
  private static func bits(_ whole: SIMD16<Float>) -> SIMD16<UInt32> {
    SIMD16<UInt32>(floats: whole + 8_388_608) & 0xFF
  }
}

/// The 32 values of a block.
private struct Values32 {
  let low: SIMD16<Float>
  let high: SIMD16<Float>

  @unsafe @inline(__always)
  init(_ x: UnsafePointer<Float>) {
    unsafe low = UnsafeRawPointer(x).loadUnaligned(as: SIMD16<Float>.self)
    unsafe high = UnsafeRawPointer(x + 16).loadUnaligned(as: SIMD16<Float>.self)
  }

  /// The value of largest magnitude, the first of equals; 0 when none is a number.
  @inline(__always)
  var largest: Float {
    let (least, greatest) = reduced(least: 0, greatest: 0)
    if greatest > -least { return greatest }
    if greatest < -least { return least }
    return greatest == 0 ? 0 : first { abs($0) == greatest }
  }

  /// Least and greatest, starting as ggml does from the ends of the finite range.
  @inline(__always)
  var extremes: (Float, Float) {
    let (least, greatest) = reduced(
      least: .greatestFiniteMagnitude, greatest: -.greatestFiniteMagnitude)
    if least != 0 { return (least, greatest) }
    // Of zeros of both signs, ggml keeps the first.
    let zero = first { $0 == 0 }
    return (zero, greatest == 0 ? zero : greatest)
  }

  /// The first value with a property that at least one of them has.
  private func first(where holds: (Float) -> Bool) -> Float {
    for index in 0..<16 where holds(low[index]) { return low[index] }
    for index in 0..<16 where holds(high[index]) { return high[index] }
    return 0
  }

  /// Least and greatest of all lanes and the given starts. NaN is passed over, since it compares with nothing.
  @inline(__always)
  private func reduced(least: Float, greatest: Float) -> (Float, Float) {
    var (least, greatest) = (least, greatest)
    for half in [low, high] {
      for index in 0..<16 {
        least = half[index] < least ? half[index] : least
        greatest = half[index] > greatest ? half[index] : greatest
      }
    }
    return (least, greatest)
  }
}
