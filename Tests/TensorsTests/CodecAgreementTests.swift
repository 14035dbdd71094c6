import CKernels
import Testing

@testable import Tensors

/// Two implementations of every block format, in C and in Swift, written independently of each other, must agree
/// bit for bit.
@Suite struct CodecAgreementTests {
  @Test(arguments: BlockFormat.allCases)
  func swiftAndCDecodeTheSameBits(_ format: BlockFormat) {
    let blocks = format.blockLength == 1 ? 517 : 64
    let bytes = randomBlocks(format, count: blocks, seed: 97)
    let count = blocks * format.blockLength
    let swift = Codec.decode(bytes, as: format)
    var c = [Float](repeating: .nan, count: count)
    ck_dequantize(&c, bytes, format.code, 1, Int64(count))
    #expect(firstDifference(swift, c) == nil)
  }

  @Test(arguments: BlockFormat.allCases.filter(\.isEncodable))
  func swiftAndCEncodeTheSameBytes(_ format: BlockFormat) {
    var random = SplitMix(state: 41)
    let scales: [Float] = [1, 1e-3, 40, 1e-6]
    var values = (0..<4096).map { index in random.float() * scales[index / 32 % 4] }
    // Corners: halves that round away from zero, zeros of both signs, equal magnitudes of both signs.
    for index in 0..<32 { values[index] = (Float(index) - 15.5) * (127 / 15.5) / 4 }
    for index in 32..<64 { values[index] = index % 3 == 0 ? 0 : -0.0 }
    for index in 64..<96 { values[index] = index % 2 == 0 ? -0.0 : Float(index - 64) }
    for index in 96..<128 { values[index] = index % 2 == 0 ? -2 : 2 }
    for index in 128..<160 { values[index] = Float(index - 144) * 0.5 }
    values[128] = 127
    let swift = Codec.encode(values, as: format, columns: 512)
    var c = [UInt8](repeating: 0xEE, count: swift.count)
    ck_quantize(&c, values, format.code, 8, 512)
    #expect(swift == c)
  }
}
