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
  private static let shapes: [Int8Product.Shape] = {
    // Many tokens and few panels: these are packed beforehand.
    var shapes: [Int8Product.Shape] = [
      Int8Product.Shape(
        tokens: 515, out: 70, blocks: 3, rank: 3, input: .float32, output: .float32,
        accumulate: true)
    ]
    for (i, tokens) in [5, 6, 7, 13, 65].enumerated() {
      for (j, out) in [1, 17, 33, 64, 100].enumerated() {
        let output: ElementType = (i + j) % 2 == 0 ? .float32 : .bfloat16
        shapes.append(
          Int8Product.Shape(
            tokens: tokens, out: out, blocks: [1, 3, 5, 6][(i + j) % 4],
            rank: [0, 1, 8, 17][(i + 2 * j) % 4],
            input: (i / 2 + j) % 2 == 0 ? .bfloat16 : .float32, output: output,
            accumulate: output == .float32 && i % 2 == 0))
      }
    }
    // Several panels of K with their sums waiting in a strip, and a rank beyond the adapter's room.
    shapes.append(
      Int8Product.Shape(
        tokens: 9, out: 70, blocks: 67, rank: 8, input: .bfloat16, output: .bfloat16,
        accumulate: false))
    shapes.append(
      Int8Product.Shape(
        tokens: 50, out: 66, blocks: 5, rank: 300, input: .bfloat16, output: .float32,
        accumulate: true))
    return shapes
  }()

  @Test(arguments: BlockFormat.allCases)
  func everyTierAgreesWithTheOracle(_ format: BlockFormat) throws {
    try Int8Product.restoring {
      for (index, shape) in Int8MultiplyTests.shapes.enumerated() {
        let w = QuantizedMatrix.random(
          format, rows: shape.out, columns: shape.columns(format), seed: UInt64(index))
        Processor.instructionSet = .scalar
        let expected = try Int8Product.forward.values(w, shape)
        #expect(expected.intact)
        for set in Processor.available where set != .scalar {
          Processor.instructionSet = set
          let actual = try Int8Product.forward.values(w, shape)
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
    try Int8Product.restoring {
      let shape = Int8Product.Shape(tokens: 40, out: 80)
      let w = QuantizedMatrix.random(format, rows: 80, columns: 768, seed: 4)
      Processor.instructionSet = .scalar
      let exact = try Int8Product.forward.values(w, shape, inInt8: false)
      for set in Processor.available {
        Processor.instructionSet = set
        let error = relativeError(try Int8Product.forward.values(w, shape).values, exact.values)
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
    try Int8Product.restoring {
      let shape = Int8Product.Shape(
        tokens: tokens, out: out, blocks: 0, rank: 0, input: .float32, output: .float32,
        accumulate: false)
      for set in Processor.available {
        Processor.instructionSet = set
        let actual = try Int8Product.forward.values(w, shape)
        #expect(relativeError(actual.values, expected) < 1e-6, "\(set.name)")
      }
    }
  }

  @Test func aTokensResultDoesNotDependOnItsNeighbours() throws {
    // From five tokens on: fewer take another path, which is not int8.
    try Int8Product.restoring {
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
}
