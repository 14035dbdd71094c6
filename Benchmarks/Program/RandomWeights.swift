import Tensors

/// Weights of any block format without knowing its layout: small groups of values are made once and laid out at random.
enum RandomWeights {
  /// Distinct groups of blocks.
  private static let groupCount = 251

  /// A weight `[rows, columns]` in memory; `columns` must be whole blocks and a multiple of 32.
  static func make(
    _ format: BlockFormat, rows: Int, columns: Int, seed: UInt64 = 1
  ) throws -> QuantizedMatrix {
    var generator = RandomGenerator(seed: seed).stream("weights \(format.name)")
    let length = max(format.blockLength, 32)
    precondition(columns % length == 0)
    let pool = try groups(format, length: length, &generator)
    let groupBytes = format.rowByteCount(length)
    var bytes: [UInt8] = []
    let count = rows * columns / length
    bytes.reserveCapacity(count * groupBytes)
    for _ in 0..<count {
      let group = generator.index(below: groupCount) * groupBytes
      bytes += pool[group..<group + groupBytes]
    }
    return QuantizedMatrix(
      file: try MappedFile(name: format.name, bytes: bytes), offset: 0, format: format,
      rows: rows, columns: columns)
  }

  /// `groupCount` groups of `length` values: encoded where Scion can, else random bytes that decode to values of a usual
  /// size (others are drawn again).
  private static func groups(
    _ format: BlockFormat, length: Int, _ generator: inout RandomGenerator
  ) throws -> [UInt8] {
    if format.isEncodable {
      return Codec.encode(
        generator.uniforms(groupCount * length, bound: 1), as: format, columns: length)
    }
    var pool: [UInt8] = []
    let groupBytes = format.rowByteCount(length)
    var draws = 0
    while pool.count < groupCount * groupBytes {
      draws += 1
      guard draws < 10_000_000 else {
        throw BenchmarkError("random \(format.name) blocks hardly ever decode to usual values")
      }
      let group = (0..<groupBytes).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let values = Codec.decode(group, as: format)
      let isUsual = values.allSatisfy { $0.isFinite && abs($0) < 4 }
      if isUsual, values.contains(where: { abs($0) > 0.05 }) { pool += group }
    }
    return pool
  }
}
