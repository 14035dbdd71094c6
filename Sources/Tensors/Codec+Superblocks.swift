/// Decoding of blocks of 256 values with two levels of scales, laid out as in ggml-common.h (d, m: IEEE halves):
///
///     Q2_K  16 × (4-bit scale, 4-bit minimum), 64 × pairs of bits, d, m              y = (d s) q − (m t)
///     Q3_K  32 × third bits, 64 × pairs of bits, 16 × 6-bit scale in 12 bytes, d     y = (d s) (q − 4)
///     Q4_K  d, m, 8 × (6-bit scale, 6-bit minimum) in 12 bytes, 128 × nibbles        y = (d s) q − (m t)
///     Q5_K  d, m, scales and minima as in Q4_K, 32 × fifth bits, 128 × nibbles       y = (d s) q − (m t)
///     Q6_K  128 × low nibbles, 64 × upper pairs of bits, 16 × int8 scale, d          y = (d s) (q − 32)
extension Codec {
  /// A run of 32 values is two bits of each of 32 bytes, and two groups of 16 with a byte each: scale in the low nibble,
  /// minimum in the high one.
  @unsafe
  static func decodeSuperblock2(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 80)
    let minimum = unsafe half(block, 82)
    for run in 0..<8 {
      let q = unsafe twoBits(block + 16, run)
      for (upper, part) in [q.lowHalf, q.highHalf].enumerated() {
        let packed = unsafe block.load(fromByteOffset: run * 2 + upper, as: UInt8.self)
        let ds = d * Float(packed & 15)
        let mt = minimum * Float(packed >> 4)
        unsafe store(floats(part) * ds - mt, y + run * 32 + upper * 16)
      }
    }
  }

  /// Low bits as in Q2_K; the third of run r is bit r of the first 32 bytes, and counts from −4 to 0.
  @unsafe
  static func decodeSuperblock3(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 108)
    for run in 0..<8 {
      let q = unsafe twoBits(block + 32, run) | bit(run, of: block) &<< 2
      for (upper, part) in [q.lowHalf, q.highHalf].enumerated() {
        let ds = unsafe d * Float(sixBitScale(block + 96, run * 2 + upper))
        unsafe store((floats(part) - 4) * ds, y + run * 32 + upper * 16)
      }
    }
  }

  @unsafe
  static func decodeSuperblock4(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 0)
    let minimum = unsafe half(block, 2)
    // Two groups of 32 share 32 bytes: the low nibbles are the first, the high ones the second.
    for pair in 0..<4 {
      let q = unsafe block.loadUnaligned(fromByteOffset: 16 + pair * 32, as: SIMD32<UInt8>.self)
      for upper in 0..<2 {
        let (scale, offset) = unsafe sixBitPair(block + 4, pair * 2 + upper)
        let ds = d * Float(scale)
        let mt = minimum * Float(offset)
        let nibble = upper == 0 ? q & 15 : q &>> 4
        let target = unsafe y + pair * 64 + upper * 32
        unsafe store(floats(nibble.lowHalf) * ds - mt, target)
        unsafe store(floats(nibble.highHalf) * ds - mt, target + 16)
      }
    }
  }

  /// Q4_K with a fifth bit: that of group g is bit g of 32 bytes.
  @unsafe
  static func decodeSuperblock5(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 0)
    let minimum = unsafe half(block, 2)
    for group in 0..<8 {
      let bytes = unsafe block.loadUnaligned(
        fromByteOffset: 48 + group / 2 * 32, as: SIMD32<UInt8>.self)
      let nibble = group & 1 == 0 ? bytes & 15 : bytes &>> 4
      let q = unsafe nibble | bit(group, of: block + 16) &<< 4
      let (scale, offset) = unsafe sixBitPair(block + 4, group)
      let ds = d * Float(scale)
      let mt = minimum * Float(offset)
      unsafe store(floats(q.lowHalf) * ds - mt, y + group * 32)
      unsafe store(floats(q.highHalf) * ds - mt, y + group * 32 + 16)
    }
  }

  @unsafe
  static func decodeSuperblock6(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 208)
    for run in 0..<2 {  // 128 values each
      let high = unsafe block.loadUnaligned(
        fromByteOffset: 128 + run * 32, as: SIMD32<UInt8>.self)
      for quarter in 0..<4 {  // 32 values each
        let low = unsafe block.loadUnaligned(
          fromByteOffset: run * 64 + (quarter & 1) * 32, as: SIMD32<UInt8>.self)
        let nibble = quarter < 2 ? low & 15 : low &>> 4
        let top = (high &>> SIMD32(repeating: UInt8(quarter * 2))) & 3
        let q = nibble | (top &<< 4)
        let group = run * 8 + quarter * 2
        let target = unsafe y + run * 128 + quarter * 32
        let first = unsafe d * Float(block.load(fromByteOffset: 192 + group, as: Int8.self))
        let second = unsafe d * Float(block.load(fromByteOffset: 193 + group, as: Int8.self))
        unsafe store((floats(q.lowHalf) - 32) * first, target)
        unsafe store((floats(q.highHalf) - 32) * second, target + 16)
      }
    }
  }

  // MARK: - Pieces

  /// Scale and minimum of group `j`. Bytes 0–3 and 4–7 hold the low six bits of scales and minima 0–3 and, in their
  /// upper two bits, the top of those of groups 4–7, whose low nibbles share bytes 8–11.
  @unsafe
  private static func sixBitPair(_ packed: UnsafeRawPointer, _ j: Int) -> (UInt8, UInt8) {
    func byte(_ index: Int) -> UInt8 {
      unsafe packed.load(fromByteOffset: index, as: UInt8.self)
    }
    if j < 4 { return (byte(j) & 63, byte(j + 4) & 63) }
    return (
      (byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)
    )
  }

  /// Scale of group `j` of Q3_K, −32…31. Bytes 0–7 hold the low nibbles of scales 0–7 and, in their high nibbles, of
  /// 8–15; bytes 8–11 the upper pairs of bits of scales j, j + 4, j + 8, j + 12.
  @unsafe
  private static func sixBitScale(_ packed: UnsafeRawPointer, _ j: Int) -> Int {
    let low = unsafe packed.load(fromByteOffset: j & 7, as: UInt8.self) >> (j < 8 ? 0 : 4) & 15
    let high = unsafe packed.load(fromByteOffset: 8 + (j & 3), as: UInt8.self) >> (j / 4 * 2) & 3
    return Int(low | high << 4) - 32
  }

  /// The pairs of bits that are run `run` (0…7): four runs share 32 bytes.
  @unsafe @inline(__always)
  private static func twoBits(_ place: UnsafeRawPointer, _ run: Int) -> SIMD32<UInt8> {
    let bytes = unsafe place.loadUnaligned(fromByteOffset: run / 4 * 32, as: SIMD32<UInt8>.self)
    return (bytes &>> SIMD32(repeating: UInt8(run % 4 * 2))) & 3
  }

  /// Bit `index` of each of 32 bytes: 0 or 1.
  @unsafe @inline(__always)
  private static func bit(_ index: Int, of place: UnsafeRawPointer) -> SIMD32<UInt8> {
    let bytes = unsafe place.loadUnaligned(as: SIMD32<UInt8>.self)
    return (bytes &>> SIMD32(repeating: UInt8(index))) & 1
  }
}
