/// Decoding of 4-bit blocks whose 16 levels are unevenly spaced (ggml-common.h; d: IEEE half):
///
///     IQ4_NL  d, 16 × (low nibble: value j, high nibble: value j + 16)                     y = d level(q)
///     IQ4_XS  d, 8 × 2 upper bits of a scale, 8 × its low nibble, 8 × 16 × nibbles as above    y = (d (s − 32)) level(q)
extension Codec {
  private static let levels = SIMD16<Float>(
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

  @unsafe
  static func decodeLevels(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    unsafe lookUp(y, block + 2, scale: half(block, 0))
  }

  @unsafe
  static func decodeSuperblockLevels(_ y: UnsafeMutablePointer<Float>, _ block: UnsafeRawPointer) {
    let d = unsafe half(block, 0)
    let upper = unsafe block.loadUnaligned(fromByteOffset: 2, as: UInt16.self)
    for group in 0..<8 {
      let packed = unsafe block.load(fromByteOffset: 4 + group / 2, as: UInt8.self)
      let low = Int(packed >> (group % 2 * 4) & 15)
      let high = Int(upper >> (group * 2) & 3)
      let scale = d * Float((low | high << 4) - 32)
      unsafe lookUp(y + group * 32, block + 8 + group * 16, scale: scale)
    }
  }

  @unsafe @inline(__always)
  private static func lookUp(
    _ y: UnsafeMutablePointer<Float>, _ place: UnsafeRawPointer, scale: Float
  ) {
    let weights = levels * scale
    let (low, high) = unsafe nibbles(place)
    for lane in 0..<16 {
      unsafe y[lane] = weights[Int(low[lane])]
      unsafe y[lane + 16] = weights[Int(high[lane])]
    }
  }
}
