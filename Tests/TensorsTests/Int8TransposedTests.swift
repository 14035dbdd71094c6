import Testing

@testable import Tensors

/// The transposed int8 product, whose left side is rounded at random: every format, tier and odd size against its scalar
/// oracle, and the oracle's mean against the product that rounds nothing.
@Suite(.serialized) struct Int8TransposedTests {
  private static let shapes: [Int8Product.Shape] = {
    // Many tokens and few panels: these are packed beforehand.
    var shapes = [Int8Product.Shape(tokens: 515, out: 70, blocks: 3, rank: 3, accumulate: true)]
    for (i, tokens) in [5, 6, 13, 65].enumerated() {
      for (j, out) in [1, 17, 64, 131, 300].enumerated() {
        let output: ElementType = (i + j) % 2 == 0 ? .float32 : .bfloat16
        shapes.append(
          Int8Product.Shape(
            tokens: tokens, out: out, blocks: [1, 3, 5, 2][(i + j) % 4],
            rank: [0, 1, 8, 17][(i + 2 * j) % 4],
            input: (i / 2 + j) % 2 == 0 ? .bfloat16 : .float32, output: output,
            accumulate: output == .float32 && i % 2 == 0))
      }
    }
    // Several panels of K with their sums waiting in a strip, and a rank beyond the adapter's room.
    shapes.append(
      Int8Product.Shape(
        tokens: 9, out: 2130, blocks: 3, rank: 8, input: .bfloat16, output: .bfloat16))
    shapes.append(
      Int8Product.Shape(
        tokens: 50, out: 66, blocks: 3, rank: 300, input: .bfloat16, accumulate: true))
    return shapes
  }()

  @Test(arguments: BlockFormat.allCases)
  func everyTierAgreesWithTheOracle(_ format: BlockFormat) throws {
    // Values that every decoder reads alike, and no adapter, whose products may be fused: the integers are the same.
    let isExact = format.blockLength == 1
    try Int8Product.restoring {
      for (index, shape) in Int8TransposedTests.shapes.enumerated() {
        let w = QuantizedMatrix.random(
          format, rows: shape.out, columns: shape.columns(format), seed: UInt64(index))
        let rounding = RandomRounding(key: UInt64(index) &* 0x9E37_79B9_7F4A_7C15, firstRow: index)
        Processor.instructionSet = .scalar
        let expected = try Int8Product.backward.values(w, shape, rounding: rounding)
        #expect(expected.intact)
        for set in Processor.available where set != .scalar {
          Processor.instructionSet = set
          let actual = try Int8Product.backward.values(w, shape, rounding: rounding)
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
    try Int8Product.restoring {
      let w = QuantizedMatrix.random(format, rows: 400, columns: 256, seed: 4)
      let shape = Int8Product.Shape(tokens: 40, out: 400)
      Processor.instructionSet = .scalar
      let exact = try Int8Product.backward.values(w, shape, inInt8: false)
      for set in Processor.available {
        Processor.instructionSet = set
        let error = relativeError(
          try Int8Product.backward.values(w, shape, rounding: RandomRounding(key: 3)).values,
          exact.values)
        #expect(error <= 2e-2, "\(set.name) \(format.name): \(error)")
        #expect(error > 1e-4, "\(set.name) \(format.name) is not int8: \(error)")
      }
    }
  }

  /// Weights that 8 bits hold exactly: what is left is the rounding of gradients.
  private func wholeWeights(rows: Int, columns: Int) throws -> QuantizedMatrix {
    var generator = SampleGenerator(seed: 11)
    let values = (0..<rows).flatMap { row in
      // The first of each group of 128 rows is the largest.
      (0..<columns).map { _ in row % 128 == 0 ? 127 : (generator.value() * 127).rounded() }
    }
    return try QuantizedMatrix(values, rows: rows, columns: columns)
  }

  @Test(arguments: [ElementType.float32, .bfloat16])
  func theMeanOverManyDrawsIsTheProductThatRoundsNothing(_ type: ElementType) throws {
    let (draws, shape) = (2000, Int8Product.Shape(tokens: 6, out: 200, input: type))
    let w = try wholeWeights(rows: 200, columns: 64)
    try Int8Product.restoring {
      for set in Processor.available {
        Processor.instructionSet = set
        let exact = try Int8Product.backward.values(w, shape, inInt8: false).values.map(Double.init)
        var sums = [Double](repeating: 0, count: exact.count)
        var squares = sums
        for draw in 0..<draws {
          let values = try Int8Product.backward.values(
            w, shape, rounding: RandomRounding(key: UInt64(draw) << 20)
          ).values
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

  @Test func aTokenDrawsByItsRowAlone() throws {
    try Int8Product.restoring {
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
}
