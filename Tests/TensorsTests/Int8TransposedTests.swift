import Testing

@testable import Tensors

/// The transposed int8 product, whose left side is rounded at random: every format, tier and odd size against its scalar
/// oracle, and the oracle's mean against the product that rounds nothing.
@Suite(.serialized) struct Int8TransposedTests {
  private struct Shape {
    var tokens: Int
    var out: Int
    var blocks: Int
    var rank = 0
    var input = ElementType.float32
    var output = ElementType.float32
    var accumulate = false

    func columns(_ format: BlockFormat) -> Int {
      format.blockLength == 1 ? 32 * blocks + 13 : format.blockLength * blocks
    }
  }

  private static let shapes: [Shape] = {
    // Many tokens and few panels: these are packed beforehand.
    var shapes = [Shape(tokens: 515, out: 70, blocks: 3, rank: 3, accumulate: true)]
    for (i, tokens) in [5, 6, 13, 65].enumerated() {
      for (j, out) in [1, 17, 64, 131, 300].enumerated() {
        let output: ElementType = (i + j) % 2 == 0 ? .float32 : .bfloat16
        shapes.append(
          Shape(
            tokens: tokens, out: out, blocks: [1, 3, 5, 2][(i + j) % 4],
            rank: [0, 1, 8, 17][(i + 2 * j) % 4],
            input: (i / 2 + j) % 2 == 0 ? .bfloat16 : .float32, output: output,
            accumulate: output == .float32 && i % 2 == 0))
      }
    }
    // Several panels of K with their sums waiting in a strip, and a rank beyond the adapter's room.
    shapes.append(
      Shape(tokens: 9, out: 2130, blocks: 3, rank: 8, input: .bfloat16, output: .bfloat16))
    shapes.append(
      Shape(tokens: 50, out: 66, blocks: 3, rank: 300, input: .bfloat16, accumulate: true))
    return shapes
  }()

  private func product(
    _ w: QuantizedMatrix, _ shape: Shape, _ rounding: RandomRounding?
  ) throws -> (values: [Float], intact: Bool) {
    var generator = SampleGenerator(seed: 7)
    let (t, r, k, n) = (shape.tokens, shape.rank, w.rows, w.columns)
    let bench = try Bench(byteCount: 4 * (t * k + t * r + r * n + t * n) + 2048)
    // Few large values among many small ones.
    let dy = bench.matrix(t, k, shape.input, generator.values(t * k).map { $0 * $0 * $0 })
    let v = bench.matrix(t, r, shape.input, generator.values(t * r))
    let a = bench.matrix(r, n, shape.input, generator.values(r * n))
    let start = generator.values(t * n)
    let dx = bench.matrix(t, n, shape.output, shape.accumulate ? start : nil)
    multiplyTransposed(
      into: dx, dy, w, adapter: r > 0 ? (v, a) : nil, accumulate: shape.accumulate,
      rounding: rounding)
    return (dx.array(), bench.bordersAreIntact())
  }

  /// Holds the lock of the process-wide settings and leaves them as they were.
  private func restoring(_ body: () throws -> Void) rethrows {
    try Compute.with(isa: Processor.instructionSet.rawValue, threads: 2, body)
  }

  @Test(arguments: BlockFormat.allCases)
  func everyTierAgreesWithTheOracle(_ format: BlockFormat) throws {
    // Values that every decoder reads alike, and no adapter, whose products may be fused: the integers are the same.
    let isExact = format.blockLength == 1
    try restoring {
      for (index, shape) in Int8TransposedTests.shapes.enumerated() {
        let w = QuantizedMatrix.random(
          format, rows: shape.out, columns: shape.columns(format), seed: UInt64(index))
        let rounding = RandomRounding(key: UInt64(index) &* 0x9E37_79B9_7F4A_7C15, firstRow: index)
        Processor.instructionSet = .scalar
        let expected = try product(w, shape, rounding)
        #expect(expected.intact)
        for set in Processor.available where set != .scalar {
          Processor.instructionSet = set
          let actual = try product(w, shape, rounding)
          #expect(actual.intact, "\(set.name) wrote outside: \(shape)")
          let error = relativeError(actual.values, expected.values)
          let tolerance = shape.output == .bfloat16 ? 3e-3 : 1e-4
          #expect(error <= tolerance, "\(set.name) \(format.name) \(shape): \(error)")
          if isExact && shape.rank == 0 {
            let isEqual = actual.values == expected.values
            #expect(isEqual, "\(set.name) \(format.name) \(shape)")
          }
        }
      }
    }
  }

  @Test(arguments: BlockFormat.allCases)
  func theErrorStaysWithinTwoPercentOfTheExactProduct(_ format: BlockFormat) throws {
    try restoring {
      let w = QuantizedMatrix.random(format, rows: 400, columns: 256, seed: 4)
      let shape = Shape(tokens: 40, out: 400, blocks: 0)
      Processor.instructionSet = .scalar
      let exact = try product(w, shape, nil)
      for set in Processor.available {
        Processor.instructionSet = set
        let error = relativeError(
          try product(w, shape, RandomRounding(key: 3)).values, exact.values)
        #expect(error <= 2e-2, "\(set.name) \(format.name): \(error)")
        #expect(error > 1e-4, "\(set.name) \(format.name) is not int8: \(error)")
      }
    }
  }

  /// Weights that 8 bits hold exactly: what is left is the rounding of gradients.
  private func wholeWeights(rows: Int, columns: Int) throws -> QuantizedMatrix {
    var generator = SampleGenerator(seed: 11)
    var bytes: [UInt8] = []
    for row in 0..<rows {
      for _ in 0..<columns {
        // The first of each group of 128 rows is the largest.
        let value = row % 128 == 0 ? 127 : (generator.value() * 127).rounded()
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
      }
    }
    return QuantizedMatrix(
      file: try MappedFile(name: "whole", bytes: bytes), offset: 0, format: .f32, rows: rows,
      columns: columns)
  }

  @Test(arguments: [ElementType.float32, .bfloat16])
  func theMeanOverManyDrawsIsTheProductThatRoundsNothing(_ type: ElementType) throws {
    let (draws, shape) = (2000, Shape(tokens: 6, out: 200, blocks: 0, input: type))
    let w = try wholeWeights(rows: 200, columns: 64)
    try restoring {
      for set in Processor.available {
        Processor.instructionSet = set
        let exact = try product(w, shape, nil).values.map(Double.init)
        var sums = [Double](repeating: 0, count: exact.count)
        var squares = sums
        for draw in 0..<draws {
          let values = try product(w, shape, RandomRounding(key: UInt64(draw) << 20)).values
          for i in exact.indices {
            let error = Double(values[i]) - exact[i]
            sums[i] += error
            squares[i] += error * error
          }
        }
        // Mean errors in their standard errors: about normal, so mean square 1 and none beyond 5.
        let scores = exact.indices.map { sums[$0] / squares[$0].squareRoot() }
        let meanSquare = scores.reduce(0) { $0 + $1 * $1 } / Double(scores.count)
        #expect(meanSquare > 0.7 && meanSquare < 1.4, "\(set.name): \(meanSquare)")
        #expect(scores.allSatisfy { abs($0) < 5 }, "\(set.name)")
      }
    }
  }

  @Test func resultsDoNotDependOnTheNumberOfThreads() throws {
    try restoring {
      for set in Processor.available {
        Processor.instructionSet = set
        for (tokens, out, columns) in [
          (5, 300, 576), (47, 576, 288), (131, 192, 576), (530, 576, 192),
        ] {
          for type in [ElementType.float32, .bfloat16] {
            let w = QuantizedMatrix.random(.q4_1, rows: out, columns: columns, seed: 5)
            let shape = Shape(
              tokens: tokens, out: out, blocks: 0, rank: 8, input: type, output: type)
            var results: [[Float]] = []
            for threads in 1...3 {
              Processor.threads = threads
              results.append(try product(w, shape, RandomRounding(key: 9)).values)
            }
            #expect(results[0] == results[1] && results[0] == results[2], "\(set.name)")
          }
        }
      }
    }
  }

  @Test func aTokenDrawsByItsRowAlone() throws {
    try restoring {
      let w = QuantizedMatrix.random(.q8_0, rows: 100, columns: 96, seed: 6)
      for set in Processor.available {
        Processor.instructionSet = set
        for type in [ElementType.float32, .bfloat16] {
          var generator = SampleGenerator(seed: 8)
          let arena = try Arena("tokens", byteCount: 1 << 17)
          let dy = arena.allocate(rows: 40, columns: 100, type: type)
          dy.assign(generator.values(dy.count))
          let dx = arena.allocate(rows: 40, columns: 96, type: .float32)
          let part = arena.allocate(rows: 5, columns: 96, type: .float32)
          multiplyTransposed(into: dx, dy, w, rounding: RandomRounding(key: 5, firstRow: 100))
          func rows(_ rounding: RandomRounding) -> [Float] {
            multiplyTransposed(into: part, dy.rows(7..<12), w, rounding: rounding)
            return part.array()
          }
          let expected = dx.rows(7..<12).array()
          #expect(rows(RandomRounding(key: 5, firstRow: 107)) == expected, "\(set.name)")
          #expect(rows(RandomRounding(key: 5, firstRow: 108)) != expected, "\(set.name)")
          #expect(rows(RandomRounding(key: 6, firstRow: 107)) != expected, "\(set.name)")
        }
      }
    }
  }

  @Test func zeroIsExactAndWhatIsNotFiniteSpoilsItsOwnToken() throws {
    try restoring {
      let w = QuantizedMatrix.random(.q4_0, rows: 320, columns: 64, seed: 3)
      for set in Processor.available {
        Processor.instructionSet = set
        var generator = SampleGenerator(seed: 2)
        let arena = try Arena("tokens", byteCount: 1 << 16)
        let dy = arena.allocate(rows: 8, columns: 320, type: .float32)
        var values = generator.values(dy.count)
        for i in 0..<320 { values[i] = 0 }
        for i in 0..<320 { values[320 + i] *= 1e-36 }
        values[2 * 320 + 200] = .nan
        values[3 * 320 + 319] = .infinity
        dy.assign(values)
        let dx = arena.allocate(rows: 8, columns: 64, type: .float32)
        multiplyTransposed(into: dx, dy, w, rounding: RandomRounding(key: 1))
        let result = dx.array()
        #expect(result[..<64].allSatisfy { $0 == 0 }, "\(set.name)")
        #expect(result[64..<128].allSatisfy { abs($0) < 1e-30 }, "\(set.name)")
        #expect(result[128..<256].allSatisfy { !$0.isFinite }, "\(set.name)")
        #expect(result[256...].allSatisfy { $0.isFinite }, "\(set.name)")
      }
    }
  }

  @Test func oneToFourTokensAreNotRounded() throws {
    try restoring {
      let w = QuantizedMatrix.random(.q4_1, rows: 50, columns: 96, seed: 3)
      for set in Processor.available {
        Processor.instructionSet = set
        for tokens in 1...4 {
          let shape = Shape(tokens: tokens, out: 50, blocks: 0, rank: 3, input: .bfloat16)
          let plain = try product(w, shape, nil).values
          let rounded = try product(w, shape, RandomRounding(key: 1)).values
          #expect(rounded == plain, "\(set.name) \(tokens)")
        }
      }
    }
  }
}
