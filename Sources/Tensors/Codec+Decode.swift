/// Decoding, one function a block format. Layouts are those of ggml-common.h (d, m: IEEE halves):
///
///     Q4_0  d, 16 × (low nibble: value j, high nibble: value j + 16)             y = d (q − 8)
///     Q4_1  d, m, nibbles as above                                               y = d q + m
///     Q5_0  d, 32 fifth bits, nibbles as above                                   y = d (q − 16)
///     Q5_1  d, m, 32 fifth bits, nibbles as above                                y = d q + m
///     Q8_0  d, 32 × int8                                                         y = d q
///
/// Blocks of 256 are in Codec+Superblocks.swift, those with uneven levels (IQ4) in Codec+UnevenLevels.swift.
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
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_NL, .iq4_XS:
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
        case .q2_K: unsafe decodeSuperblock2(target, place)
        case .q3_K: unsafe decodeSuperblock3(target, place)
        case .q4_K: unsafe decodeSuperblock4(target, place)
        case .q5_K: unsafe decodeSuperblock5(target, place)
        case .q6_K: unsafe decodeSuperblock6(target, place)
        case .iq4_NL: unsafe decodeLevels(target, place)
        default: unsafe decodeSuperblockLevels(target, place)
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

  // MARK: - Pieces

  @unsafe @inline(__always)
  static func half(_ block: UnsafeRawPointer, _ offset: Int) -> Float {
    unsafe HalfFloat.decode(block.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  @unsafe @inline(__always)
  static func nibbles(_ place: UnsafeRawPointer) -> (SIMD16<UInt8>, SIMD16<UInt8>) {
    let bytes = unsafe place.loadUnaligned(as: SIMD16<UInt8>.self)
    return (bytes & 15, bytes &>> 4)
  }

  /// Lane j is 16 when bit j is set, else 0.
  @inline(__always)
  static func fifthBits(_ bits: UInt32) -> SIMD16<UInt8> {
    let lanes = SIMD16<UInt32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    let ones = (SIMD16<UInt32>(repeating: bits) &>> lanes) & 1
    return SIMD16<UInt8>(truncatingIfNeeded: ones &<< 4)
  }

  @inline(__always)
  static func floats(_ q: SIMD16<UInt8>) -> SIMD16<Float> {
    SIMD16<Float>(SIMD16<Int32>(truncatingIfNeeded: q))
  }

  @unsafe @inline(__always)
  static func store(_ values: SIMD16<Float>, _ y: UnsafeMutablePointer<Float>) {
    unsafe UnsafeMutableRawPointer(y).storeBytes(of: values, as: SIMD16<Float>.self)
  }
}
