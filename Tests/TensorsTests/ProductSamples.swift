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
      case .q6_K:
        noise(208)
        scale(0.0003)
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

/// A matrix inside a bigger arena, with a border of NaN on both sides, to catch reads and writes outside.
struct BorderedMatrix {
  let matrix: Matrix
  private let arena: Arena
  private static let border = 64

  init(rows: Int, columns: Int, type: ElementType, values: [Float]? = nil) throws {
    let border = BorderedMatrix.border
    let size = Arena.size(rows: rows, columns: columns, type: type)
    arena = try Arena("bordered", byteCount: size + 2 * border * type.byteCount + 256)
    let whole = arena.allocate(
      rows: 1, columns: arena.byteCount / type.byteCount - 64, type: type)
    whole.assign([Float](repeating: .nan, count: whole.count))
    arena.release(to: 0)
    _ = arena.allocate(rows: 1, columns: border, type: type)
    matrix = arena.allocate(rows: rows, columns: columns, type: type)
    matrix.assign(values ?? [Float](repeating: .nan, count: rows * columns))
  }

  /// Whether the border is still all NaN.
  var isIntact: Bool {
    arena.release(to: 0)
    let whole = arena.allocate(
      rows: 1, columns: BorderedMatrix.border, type: matrix.type)
    let before = whole.array().allSatisfy(\.isNaN)
    let used = matrix.count
    arena.release(to: 0)
    let all = arena.allocate(
      rows: 1, columns: arena.byteCount / matrix.type.byteCount - 64, type: matrix.type)
    return before && all.array().dropFirst(BorderedMatrix.border + used).allSatisfy(\.isNaN)
  }
}

/// ‖actual − expected‖ / ‖expected‖; NaN anywhere makes it NaN.
func relativeError(_ actual: [Float], _ expected: [Float]) -> Double {
  var difference = 0.0
  var norm = 1e-30
  for (a, e) in zip(actual, expected) {
    difference += Double(a - e) * Double(a - e)
    norm += Double(e) * Double(e)
  }
  return (difference / norm).squareRoot()
}
