/// Decoding, one function a block format. Layouts are those of ggml-common.h (d, m: IEEE halves):
///
///     Q4_0  d, 16 × (low nibble: value j, high nibble: value j + 16)             y = d (q − 8)
///     Q4_1  d, m, nibbles as above                                               y = d q + m
///     Q5_0  d, 32 fifth bits, nibbles as above                                   y = d (q − 16)
///     Q5_1  d, m, 32 fifth bits, nibbles as above                                y = d q + m
///     Q8_0  d, 32 × int8                                                         y = d q
///     Q4_K  d, m, 8 × (6-bit scale, 6-bit minimum) in 12 bytes, 128 × nibbles    y = (d s) q − (m t)
///     Q6_K  128 × low nibbles, 64 × upper pairs of bits, 16 × int8 scale, d      y = (d s) (q − 32)
extension Codec {
  /// `count` values (whole blocks) from `source` on.
  @unsafe
  static func decodeRow(
    into y: UnsafeMutablePointer<Float>, _ source: UnsafeRawPointer, _ format: BlockFormat,
    _ count: Int
  ) {
    switch format {
    case .f32:
      unsafe UnsafeMutableRawPointer(y).copyMemory(from: source, byteCount: count * 4)
    case .f16:
      unsafe decodeHalves(y, source, count)
    case .bf16:
      unsafe decodeBFloat16(y, source, count)
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q6_K:
      let length = format.blockLength
      let bytes = format.blockByteCount
      for block in 0..<count / length {
        let target = unsafe y + block * length
        let place = unsafe source + block * bytes
        switch format {
        case .q4_0: unsafe decodeSymmetric4(target, place)
        case .q4_1: unsafe decodeAffine4(target, place)
        case .q5_0: unsafe decodeSymmetric5(target, place)
        case .q5_1: unsafe decodeAffine5(target, place)
        case .q8_0: unsafe decodeSymmetric8(target, place)
        case .q4_K: unsafe decodeSuperblock4(target, place)
        default: unsafe decodeSuperblock6(target, place)
        }
      }
    }
  }

  // MARK: - Floats

  @unsafe
  private static func decodeHalves(
    _ y: UnsafeMutablePointer<Float>, _ source: UnsafeRawPointer, _ count: Int
  ) {
    var index = 0
    while index + 16 <= count {
      let bits = unsafe source.loadUnaligned(
        fromByteOffset: index * 2, as: SIMD16<UInt16>.self)
      unsafe store(HalfFloat.decode(bits), y + index)
      index += 16
    }
    while index < count {
      unsafe y[index] = HalfFloat.decode(
        source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
      index += 1
    }
  }

  @unsafe
  private static func decodeBFloat16(
    _ y: UnsafeMutablePointer<Float>, _ source: UnsafeRawPointer, _ count: Int
  ) {
    var index = 0
    while index + 16 <= count {
      let bits = unsafe source.loadUnaligned(
        fromByteOffset: index * 2, as: SIMD16<UInt16>.self)
      unsafe store(
        SIMD16<Float>(bits: SIMD16<UInt32>(truncatingIfNeeded: bits) &<< 16), y + index)
      index += 16
    }
    while index < count {
      let bits = unsafe source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
      unsafe y[index] = Float(bitPattern: UInt32(bits) << 16)
      index += 1
    }
  }

  // MARK: - Blocks of 32

  @unsafe
  private static func decodeSymmetric4(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer)
  {
    let d = unsafe half(block, 0)
    let (low, high) = unsafe nibbles(block + 2)
    unsafe store((floats(low) - 8) * d, y)
    unsafe store((floats(high) - 8) * d, y + 16)
  }

  @unsafe
  private static func decodeAffine4(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 0)
    let m = unsafe half(block, 2)
    let (low, high) = unsafe nibbles(block + 4)
    unsafe store(floats(low) * d + m, y)
    unsafe store(floats(high) * d + m, y + 16)
  }

  @unsafe
  private static func decodeSymmetric5(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer)
  {
    let d = unsafe half(block, 0)
    let fifth = unsafe block.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
    let (low, high) = unsafe nibbles(block + 6)
    unsafe store((floats(low | fifthBits(fifth)) - 16) * d, y)
    unsafe store((floats(high | fifthBits(fifth >> 16)) - 16) * d, y + 16)
  }

  @unsafe
  private static func decodeAffine5(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 0)
    let m = unsafe half(block, 2)
    let fifth = unsafe block.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
    let (low, high) = unsafe nibbles(block + 8)
    unsafe store(floats(low | fifthBits(fifth)) * d + m, y)
    unsafe store(floats(high | fifthBits(fifth >> 16)) * d + m, y + 16)
  }

  @unsafe
  private static func decodeSymmetric8(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer)
  {
    let d = unsafe half(block, 0)
    let q = unsafe block.loadUnaligned(fromByteOffset: 2, as: SIMD32<Int8>.self)
    unsafe store(SIMD16<Float>(SIMD16<Int32>(truncatingIfNeeded: q.lowHalf)) * d, y)
    unsafe store(SIMD16<Float>(SIMD16<Int32>(truncatingIfNeeded: q.highHalf)) * d, y + 16)
  }

  // MARK: - Blocks of 256

  @unsafe
  private static func decodeSuperblock4(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer)
  {
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

  @unsafe
  private static func decodeSuperblock6(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer)
  {
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

  @unsafe @inline(__always)
  private static func half(_ block: UnsafeRawPointer, _ offset: Int) -> Float {
    unsafe HalfFloat.decode(block.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  @unsafe @inline(__always)
  private static func nibbles(_ place: UnsafeRawPointer) -> (SIMD16<UInt8>, SIMD16<UInt8>) {
    let bytes = unsafe place.loadUnaligned(as: SIMD16<UInt8>.self)
    return (bytes & 15, bytes &>> 4)
  }

  /// Lane j is 16 when bit j is set, else 0.
  @inline(__always)
  private static func fifthBits(_ bits: UInt32) -> SIMD16<UInt8> {
    let lanes = SIMD16<UInt32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    let ones = (SIMD16<UInt32>(repeating: bits) &>> lanes) & 1
    return SIMD16<UInt8>(truncatingIfNeeded: ones &<< 4)
  }

  @inline(__always)
  private static func floats(_ q: SIMD16<UInt8>) -> SIMD16<Float> {
    SIMD16<Float>(SIMD16<Int32>(truncatingIfNeeded: q))
  }

  @unsafe @inline(__always)
  private static func store(_ values: SIMD16<Float>, _ y: UnsafeMutablePointer<Float>) {
    unsafe UnsafeMutableRawPointer(y).storeBytes(of: values, as: SIMD16<Float>.self)
  }
}
