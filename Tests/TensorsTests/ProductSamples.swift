import Tensors

/// Reproducible numbers for the tests of the products (a 64-bit linear congruential generator).
struct SampleGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493 }

  mutating func bits() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33
  }

  /// Uniform in -1 ..< 1.
  mutating func value() -> Float { Float(bits()) / Float(1 << 30) - 1 }

  mutating func values(_ count: Int) -> [Float] { (0..<count).map { _ in value() } }
}

extension QuantizedMatrix {
  /// Float32 rows of `values`.
  init(_ values: [Float], rows: Int, columns: Int) throws {
    let bytes = values.flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
    self.init(
      file: try MappedFile(name: "values", bytes: bytes), offset: 0, format: .f32, rows: rows,
      columns: columns)
  }

  /// Rows of random blocks: every byte is random but the scales, which keep weights near one.
  static func random(
    _ format: BlockFormat, rows: Int, columns: Int, seed: UInt64
  ) -> QuantizedMatrix {
    var generator = SampleGenerator(seed: seed)
    var bytes: [UInt8] = []
    let blocks = rows * columns / format.blockLength
    bytes.reserveCapacity(blocks * format.blockByteCount)
    for _ in 0..<blocks {
      switch format {
      case .f32: append(generator.value().bitPattern)
      case .f16: append(Float16(generator.value()).bitPattern)
      case .bf16: append(BFloat16(generator.value()).bitPattern)
      case .q4_0:
        scale(0.125)
        noise(16)
      case .q4_1:
        scale(0.125)
        scale(1)
        noise(16)
      case .q5_0:
        scale(0.06)
        noise(20)
      case .q5_1:
        scale(0.06)
        scale(1)
        noise(20)
      case .q8_0:
        scale(0.008)
        noise(32)
      case .q4_K:
        scale(0.002)
        scale(0.01)
        noise(140)
      case .q2_K:
        noise(80)
        scale(0.03)
        scale(0.05)
      case .q3_K:
        noise(108)
        scale(0.01)
      case .q5_K:
        scale(0.001)
        scale(0.01)
        noise(172)
      case .q6_K:
        noise(208)
        scale(0.0003)
      case .iq4_NL:
        scale(0.008)
        noise(16)
      case .iq4_XS:
        scale(0.0003)
        noise(134)
      }
    }
    func append(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    func scale(_ size: Float) { append(Float16(generator.value() * size).bitPattern) }
    func noise(_ count: Int) {
      for _ in 0..<count { bytes.append(UInt8(truncatingIfNeeded: generator.bits())) }
    }
    // A mapping of exactly these bytes cannot fail for lack of them.
    guard let file = try? MappedFile(name: format.name, bytes: bytes) else {
      preconditionFailure("no memory for the test's weights")
    }
    return QuantizedMatrix(file: file, offset: 0, format: format, rows: rows, columns: columns)
  }
}
