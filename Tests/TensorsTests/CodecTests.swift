import Foundation
import Testing

@testable import Tensors

/// Codecs against goldens of gguf-py and against the formats' definitions.
@Suite struct CodecTests {
  // MARK: - Goldens

  struct Golden: CustomStringConvertible {
    let operation: Substring
    let format: BlockFormat
    let input: [UInt8]
    let output: [UInt8]
    var description: String { "\(operation) \(format.name)" }
  }

  static let goldens: [Golden] = {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let file = folder.appending(path: "Fixtures/codecs.txt")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
      let fields = line.split(separator: " ")
      let format = BlockFormat.allCases.first { $0.name == fields[1] }!
      return Golden(
        operation: fields[0], format: format, input: bytes(fields[2]), output: bytes(fields[3]))
    }
  }()

  static func bytes(_ hexadecimal: Substring) -> [UInt8] {
    let digits = hexadecimal.utf8.map { $0 < 58 ? $0 - 48 : $0 - 87 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  static func floats(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }

  @Test func goldensCoverEveryFormat() {
    let decoded = Self.goldens.filter { $0.operation == "decode" }.map(\.format)
    let encoded = Self.goldens.filter { $0.operation == "encode" }.map(\.format)
    #expect(Set(decoded) == Set(BlockFormat.allCases))
    let searched = Self.goldens.filter { $0.operation == "search" }.map(\.format)
    #expect(Set(encoded + searched) == Set(BlockFormat.allCases.filter(\.isEncodable)))
    #expect(encoded.allSatisfy { !searched.contains($0) })
  }

  @Test(arguments: goldens.filter { $0.operation == "decode" })
  func decodesAsPythonDoesBitForBit(_ golden: Golden) {
    let values = Codec.decode(golden.input, as: golden.format)
    #expect(firstDifference(values, Self.floats(golden.output)) == nil)
  }

  @Test(arguments: goldens.filter { $0.operation == "encode" })
  func encodesAsPythonDoesBitForBit(_ golden: Golden) {
    let values = Self.floats(golden.input)
    #expect(Codec.encode(values, as: golden.format, columns: 32) == golden.output)
  }

  /// Formats that are encoded by a search over scales: 2 % above llama.cpp's error at most, block by block of 256.
  @Test(arguments: goldens.filter { $0.operation == "search" })
  func searchesAsWellAsLlamaDoes(_ golden: Golden) {
    let values = Self.floats(golden.input)
    let ours = Codec.decode(
      Codec.encode(values, as: golden.format, columns: 256), as: golden.format)
    let theirs = Codec.decode(golden.output, as: golden.format)
    #expect(values.count == 1024 && theirs.count == values.count)
    for start in stride(from: 0, to: values.count, by: 256) {
      let expected = Array(values[start..<start + 256])
      let error = relativeError(Array(ours[start..<start + 256]), expected)
      let bar = relativeError(Array(theirs[start..<start + 256]), expected)
      #expect(error <= 1.02 * bar, "block \(start / 256): \(error), llama.cpp \(bar)")
    }
  }

  // MARK: - Halves

  #if !(os(macOS) && arch(x86_64))
    @Test func everyHalfDecodesToItsValue() {
      for bits in UInt16.min ... .max {
        let expected = Float(Float16(bitPattern: bits))
        let scalar = HalfFloat.decode(bits)
        let vector = HalfFloat.decode(SIMD16<UInt16>(repeating: bits))[9]
        if expected.isNaN {
          #expect(scalar.isNaN && vector.isNaN)
        } else if scalar.bitPattern != expected.bitPattern
          || vector.bitPattern != expected.bitPattern
        {
          Issue.record("half \(bits): \(scalar), \(vector) instead of \(expected)")
        }
      }
    }

    @Test func halvesAreRoundedToNearestEven() {
      var random = SplitMix(state: 7)
      for _ in 0..<20_000 {
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        let expected = Float16(value)
        let found = HalfFloat.encode(value)
        if expected.isNaN {
          #expect(found & 0x7FFF > 0x7C00)
        } else if found != expected.bitPattern {
          Issue.record("\(value) became half \(found) instead of \(expected.bitPattern)")
        }
      }
      // Ties, the border to infinity and subnormals.
      for value: Float in [1 + 0x1p-11, 1 + 3 * 0x1p-11, 65_519, 65_520, 0x1p-25, 0x1.8p-24] {
        #expect(HalfFloat.encode(value) == Float16(value).bitPattern)
      }
    }
  #endif

  // MARK: - Rows

  @Test(arguments: BlockFormat.allCases)
  func rowsAreDecodedFromTheirOwnBlocks(_ format: BlockFormat) throws {
    let matrix = try randomMatrix(format, rows: 5, columns: 512, seed: 3)
    let all = Codec.decode(matrix, rows: 0..<5)
    #expect(all.count == 5 * 512)
    for row in 0..<5 {
      let one = Codec.decode(matrix, rows: row..<row + 1)
      #expect(firstDifference(one, Array(all[row * 512..<(row + 1) * 512])) == nil)
    }
    #expect(Codec.decode(matrix, rows: 2..<2).isEmpty)
  }

  @Test(arguments: BlockFormat.allCases)
  func gatherTakesRowsInTheOrderOfTheIds(_ format: BlockFormat) throws {
    let columns = format.blockLength == 1 ? 37 : 256
    let matrix = try randomMatrix(format, rows: 6, columns: columns, seed: 11)
    let ids: [Int32] = [5, 0, 5, 2]
    let arena = try Arena("test", byteCount: 1 << 16)
    let exact = arena.allocate(rows: 4, columns: columns, type: .float32)
    let rounded = arena.allocate(rows: 4, columns: columns, type: .bfloat16)
    Codec.gather(matrix, ids: ids, into: exact)
    Codec.gather(matrix, ids: ids, into: rounded)
    for (row, id) in ids.enumerated() {
      let expected = Codec.decode(matrix, rows: Int(id)..<Int(id) + 1)
      for column in 0..<columns {
        #expect(exact[row, column].bitPattern == expected[column].bitPattern)
        #expect(rounded[row, column] == BFloat16(expected[column]).float)
      }
    }
  }

  @Test(arguments: BlockFormat.allCases.filter(\.isEncodable))
  func encodingWhatWasDecodedLosesLittle(_ format: BlockFormat) {
    var random = SplitMix(state: 5)
    let values = (0..<4096).map { _ in random.float() }
    let back = Codec.decode(Codec.encode(values, as: format, columns: 1024), as: format)
    let worst = zip(values, back).map { abs($0 - $1) }.max()!
    // Half a step of the scale, for values in -1...1 (symmetric formats clip the far end by one step).
    let bounds: [BlockFormat: Float] = [
      .f32: 0, .f16: 0x1p-12, .bf16: 0x1p-8, .q8_0: 0.5 / 127 + 1e-3, .q4_1: 1 / 15.0 + 1e-3,
      .q5_1: 1 / 31.0 + 1e-3, .q4_0: 1 / 8.0 + 1e-3, .q5_0: 1 / 16.0 + 1e-3,
      // Fitted scales spare the many, not the one at the end of the range.
      .q4_K: 1.5 / 15 + 1e-3, .q5_K: 1.5 / 31 + 1e-3, .q6_K: 1.5 / 32 + 1e-3, .iq4_NL: 0.2,
    ]
    #expect(worst <= bounds[format]!)
  }

  @Test(arguments: BlockFormat.allCases.filter(\.isEncodable))
  func valuesThatAreNotFiniteDoNotTrap(_ format: BlockFormat) {
    var values = [Float](repeating: 1, count: 256 * 2)
    values[3] = .nan
    values[32 + 4] = .infinity
    values[64 + 5] = -.infinity
    values[96 + 6] = .greatestFiniteMagnitude
    values[97] = -.greatestFiniteMagnitude
    for index in 128..<160 { values[index] = .nan }
    values[160] = .leastNonzeroMagnitude
    let bytes = Codec.encode(values, as: format, columns: 256)
    #expect(bytes.count == format.rowByteCount(values.count))
  }

  // MARK: - Material

  func randomMatrix(
    _ format: BlockFormat, rows: Int, columns: Int, seed: UInt64
  ) throws -> QuantizedMatrix {
    let bytes = randomBlocks(format, count: rows * columns / format.blockLength, seed: seed)
    return QuantizedMatrix(
      file: try MappedFile(name: "random", bytes: bytes), offset: 0, format: format, rows: rows,
      columns: columns)
  }
}

/// The first index at which the bits of two arrays differ, or at which one ends; nil when they are the same.
func firstDifference(_ a: [Float], _ b: [Float]) -> Int? {
  if let index = zip(a, b).enumerated().first(where: { $1.0.bitPattern != $1.1.bitPattern }) {
    return index.offset
  }
  return a.count == b.count ? nil : min(a.count, b.count)
}

/// Blocks of random bits whose scales are finite halves.
func randomBlocks(_ format: BlockFormat, count: Int, seed: UInt64) -> [UInt8] {
  var random = SplitMix(state: seed)
  var bytes = (0..<count * format.blockByteCount).map { _ in
    UInt8(truncatingIfNeeded: random.next())
  }
  let scales: [Int] =
    switch format {
    case .f32: [2]  // The half with the exponent's upper bits.
    case .f16, .bf16, .q4_0, .q5_0, .q8_0, .iq4_NL, .iq4_XS: [0]
    case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
    case .q2_K: [80, 82]
    case .q3_K: [108]
    case .q6_K: [208]
    }
  for block in 0..<count {
    for scale in scales {
      // Clearing one bit of the exponent keeps the value finite.
      bytes[block * format.blockByteCount + scale + 1] &= 0xBF
    }
  }
  return bytes
}

/// A small generator with a fixed sequence (Steele, Lea, Flood 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In -1...1.
  mutating func float() -> Float { Float(next() >> 40) / 0x1p23 - 1 }
}
