import Testing

@testable import Tensors

/// How far int8 products may be off (relative, in the norm).
private enum Int8Tolerance {
  /// From the scalar oracle of the same arithmetic: a weight whose decoded value differs in the last bit may be
  /// rounded to the neighbouring integer.
  static let oracle = 1e-4
  /// The same with a bfloat16 result.
  static let oracleInBFloat16 = 3e-3
  /// From the exact product: both sides rounded to 8 bits.
  static let exact = 1e-2
}

/// The int8 product: every format, tier and odd size against its scalar oracle, the oracle against the definition
/// and the exact product.
@Suite(.serialized) struct Int8MultiplyTests {
  private struct Shape {
    var tokens: Int
    var out: Int
    var blocks: Int
    var rank: Int
    var input: ElementType
    var output: ElementType
    var accumulate: Bool

    func columns(_ format: BlockFormat) -> Int {
      format.blockLength == 1 ? 32 * blocks + 13 : format.blockLength * blocks
    }
  }

  private static let shapes: [Shape] = {
    // Many tokens and few panels: these are packed beforehand.
    var shapes: [Shape] = [
      Shape(
        tokens: 515, out: 70, blocks: 3, rank: 3, input: .float32, output: .float32,
        accumulate: true)
    ]
    for (i, tokens) in [5, 6, 7, 13, 65].enumerated() {
      for (j, out) in [1, 17, 33, 64, 100].enumerated() {
        let output: ElementType = (i + j) % 2 == 0 ? .float32 : .bfloat16
        shapes.append(
          Shape(
            tokens: tokens, out: out, blocks: [1, 3, 5, 6][(i + j) % 4],
            rank: [0, 1, 8, 17][(i + 2 * j) % 4],
            input: (i / 2 + j) % 2 == 0 ? .bfloat16 : .float32, output: output,
            accumulate: output == .float32 && i % 2 == 0))
      }
    }
    // Several panels of K with their sums waiting in a strip, and a rank beyond the adapter's room.
    shapes.append(
      Shape(
        tokens: 9, out: 70, blocks: 67, rank: 8, input: .bfloat16, output: .bfloat16,
        accumulate: false))
    shapes.append(
      Shape(
        tokens: 50, out: 66, blocks: 5, rank: 300, input: .bfloat16, output: .float32,
        accumulate: true))
    return shapes
  }()

  private func product(
    _ w: QuantizedMatrix, _ shape: Shape, _ arithmetic: ProductArithmetic, seed: UInt64 = 7
  ) throws -> (values: [Float], intact: Bool) {
    var generator = SampleGenerator(seed: seed)
    let (t, r, k, n) = (shape.tokens, shape.rank, w.columns, w.rows)
    let bench = try Bench(byteCount: 4 * (t * k + t * r + r * n + t * n) + 2048)
    let x = bench.matrix(t, k, shape.input, generator.values(t * k))
    let u = bench.matrix(t, r, shape.input, generator.values(t * r))
    let b = bench.matrix(r, n, shape.input, generator.values(r * n))
    let start = generator.values(t * n)
    let y = bench.matrix(t, n, shape.output, shape.accumulate ? start : nil)
    multiply(
      into: y, x, w, adapter: r > 0 ? (u, b) : nil, accumulate: shape.accumulate,
      arithmetic: arithmetic)
    return (y.array(), bench.bordersAreIntact())
  }

  /// Holds the lock of the process-wide settings and leaves them as they were.
  private func restoring(_ body: () throws -> Void) rethrows {
    try Compute.with(isa: Processor.instructionSet.rawValue, threads: 2, body)
  }

  @Test(arguments: BlockFormat.allCases)
  func everyTierAgreesWithTheOracle(_ format: BlockFormat) throws {
    try restoring {
      for (index, shape) in Int8MultiplyTests.shapes.enumerated() {
        let w = QuantizedMatrix.random(
          format, rows: shape.out, columns: shape.columns(format), seed: UInt64(index))
        Processor.instructionSet = .scalar
        let expected = try product(w, shape, .int8)
        #expect(expected.intact)
        for set in Processor.available where set != .scalar {
          Processor.instructionSet = set
          let actual = try product(w, shape, .int8)
          let error = relativeError(actual.values, expected.values)
          let tolerance =
            shape.output == .bfloat16 ? Int8Tolerance.oracleInBFloat16 : Int8Tolerance.oracle
          #expect(error <= tolerance, "\(set.name) \(format.name) \(shape): \(error)")
          #expect(actual.intact, "\(set.name) wrote outside: \(shape)")
        }
      }
    }
  }

  @Test(arguments: BlockFormat.allCases)
  func theErrorStaysWithinOnePercentOfTheExactProduct(_ format: BlockFormat) throws {
    try restoring {
      let shape = Shape(
        tokens: 40, out: 80, blocks: 0, rank: 0, input: .float32, output: .float32,
        accumulate: false)
      let w = QuantizedMatrix.random(format, rows: 80, columns: 768, seed: 4)
      Processor.instructionSet = .scalar
      let exact = try product(w, shape, .activations)
      for set in Processor.available {
        Processor.instructionSet = set
        let error = relativeError(try product(w, shape, .int8).values, exact.values)
        #expect(error <= Int8Tolerance.exact, "\(set.name) \(format.name): \(error)")
        #expect(error > 1e-5, "\(set.name) \(format.name) is not int8: \(error)")
      }
    }
  }

  @Test func theOracleIsTheSumOfRoundedGroups() throws {
    let (tokens, out, columns) = (6, 3, 150)
    let w = QuantizedMatrix.random(.f32, rows: out, columns: columns, seed: 1)
    let weights = (0..<out * columns).map {
      Float(bitPattern: w.file.load(UInt32.self, at: 4 * $0))
    }
    var generator = SampleGenerator(seed: 7)
    let x = generator.values(tokens * columns)
    func rounded(_ row: ArraySlice<Float>) -> [Double] {
      var result: [Double] = []
      for start in stride(from: row.startIndex, to: row.endIndex, by: 128) {
        let group = row[start..<min(start + 128, row.endIndex)]
        let most = group.map { abs($0) }.max() ?? 0
        result += group.map {
          Double(($0 * (127 / most)).rounded(.toNearestOrEven)) * Double(most) / 127
        }
      }
      return result
    }
    var expected: [Double] = []
    for t in 0..<tokens {
      let input = rounded(x[t * columns..<(t + 1) * columns])
      for o in 0..<out {
        let weight = rounded(weights[o * columns..<(o + 1) * columns])
        expected.append(zip(input, weight).reduce(0) { $0 + $1.0 * $1.1 })
      }
    }
    try restoring {
      let shape = Shape(
        tokens: tokens, out: out, blocks: 0, rank: 0, input: .float32, output: .float32,
        accumulate: false)
      for set in Processor.available {
        Processor.instructionSet = set
        let actual = try product(w, shape, .int8)
        #expect(relativeError(actual.values, expected) < 1e-6, "\(set.name)")
      }
    }
  }

  @Test func resultsDoNotDependOnTheNumberOfThreads() throws {
    try restoring {
      for set in Processor.available {
        Processor.instructionSet = set
        for (tokens, out, columns) in [
          (5, 300, 576), (47, 576, 288), (131, 192, 576), (530, 192, 576),
        ] {
          for type in [ElementType.float32, .bfloat16] {
            let w = QuantizedMatrix.random(.q4_1, rows: out, columns: columns, seed: 5)
            let shape = Shape(
              tokens: tokens, out: out, blocks: 0, rank: 8, input: type, output: type,
              accumulate: false)
            var results: [[Float]] = []
            for threads in 1...3 {
              Processor.threads = threads
              results.append(try product(w, shape, .int8).values)
            }
            #expect(results[0] == results[1] && results[0] == results[2], "\(set.name)")
          }
        }
      }
    }
  }

  @Test func aTokensResultDoesNotDependOnItsNeighbours() throws {
    // From five tokens on: fewer take another path, which is not int8.
    try restoring {
      let w = QuantizedMatrix.random(.q8_0, rows: 100, columns: 96, seed: 6)
      for set in Processor.available {
        Processor.instructionSet = set
        for type in [ElementType.float32, .bfloat16] {
          var generator = SampleGenerator(seed: 8)
          let arena = try Arena("tokens", byteCount: 1 << 16)
          let x = arena.allocate(rows: 40, columns: 96, type: type)
          x.assign(generator.values(x.count))
          let y = arena.allocate(rows: 40, columns: 100, type: .float32)
          multiply(into: y, x, w, arithmetic: .int8)
          let part = arena.allocate(rows: 5, columns: 100, type: .float32)
          multiply(into: part, x.rows(7..<12), w, arithmetic: .int8)
          #expect(part.array() == y.rows(7..<12).array(), "\(set.name)")
        }
      }
    }
  }

  @Test func zeroIsExactAndWhatIsNotFiniteSpoilsItsOwnToken() throws {
    try restoring {
      let w = QuantizedMatrix.random(.q4_0, rows: 40, columns: 320, seed: 3)
      for set in Processor.available {
        Processor.instructionSet = set
        var generator = SampleGenerator(seed: 2)
        let arena = try Arena("tokens", byteCount: 1 << 16)
        let x = arena.allocate(rows: 8, columns: 320, type: .float32)
        var values = generator.values(x.count)
        for i in 0..<320 { values[i] = 0 }
        for i in 0..<320 { values[320 + i] *= 1e-36 }
        values[2 * 320 + 200] = .nan
        values[3 * 320 + 319] = .infinity
        x.assign(values)
        let y = arena.allocate(rows: 8, columns: 40, type: .float32)
        multiply(into: y, x, w, arithmetic: .int8)
        let result = y.array()
        #expect(result[..<40].allSatisfy { $0 == 0 }, "\(set.name)")
        #expect(result[40..<80].allSatisfy { abs($0) < 1e-30 }, "\(set.name)")
        #expect(result[80..<160].allSatisfy { !$0.isFinite }, "\(set.name)")
        #expect(result[160...].allSatisfy { $0.isFinite }, "\(set.name)")
      }
    }
  }

  @Test func oneToFourTokensAreNotRounded() throws {
    try restoring {
      let w = QuantizedMatrix.random(.q4_1, rows: 50, columns: 96, seed: 3)
      for set in Processor.available {
        Processor.instructionSet = set
        for tokens in 1...4 {
          let shape = Shape(
            tokens: tokens, out: 50, blocks: 0, rank: 3, input: .bfloat16, output: .float32,
            accumulate: false)
          let plain = try product(w, shape, .activations).values
          #expect(try product(w, shape, .int8).values == plain, "\(set.name) \(tokens)")
        }
      }
    }
  }
}
