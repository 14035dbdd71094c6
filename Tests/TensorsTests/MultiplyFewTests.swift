import CKernels
import Testing

@testable import Tensors

/// How far `multiplyFew` may be from another computation (relative, in the norm).
private enum FewTolerance {
  /// From the scalar oracle of the same integers: float32 sums differ in order only.
  static let oracle = 3e-6
  /// From the exact product: inputs rounded to 255 steps a block (0.005 where they are evenly spread).
  static let rounding = 1e-2
  /// Results stored in bfloat16.
  static let bfloat16Result = 5e-3
}

/// Products of one to four tokens in 8-bit integers, for every format and tier.
@Suite(.serialized) struct MultiplyFewTests {
  private struct Shape {
    var tokens: Int
    var blocks: Int
    /// Output widths of the weights that share the input.
    var outs: [Int]
    var rank: Int
    var output: ElementType
    var accumulate: Bool
  }

  private static let shapes = [
    Shape(tokens: 1, blocks: 1, outs: [33], rank: 0, output: .float32, accumulate: false),
    Shape(
      tokens: 1, blocks: 18, outs: [576, 192, 192], rank: 8, output: .bfloat16, accumulate: false),
    Shape(tokens: 1, blocks: 3, outs: [100], rank: 5, output: .float32, accumulate: true),
    Shape(tokens: 2, blocks: 5, outs: [47, 1], rank: 17, output: .float32, accumulate: true),
    Shape(
      tokens: 3, blocks: 2, outs: [18, 35, 64, 7, 66], rank: 0, output: .bfloat16, accumulate: false
    ),
    Shape(tokens: 4, blocks: 7, outs: [99, 31], rank: 3, output: .float32, accumulate: false),
    Shape(tokens: 5, blocks: 37, outs: [33, 16], rank: 3, output: .float32, accumulate: true),
    Shape(tokens: 8, blocks: 18, outs: [50, 1], rank: 0, output: .bfloat16, accumulate: false),
    Shape(tokens: 19, blocks: 3, outs: [35, 32], rank: 9, output: .float32, accumulate: false),
    Shape(tokens: 64, blocks: 1, outs: [17], rank: 2, output: .bfloat16, accumulate: false),
  ]

  /// A weight between bytes that decode to NaN: whoever reads a scale beyond it gets one.
  private func weight(_ format: BlockFormat, rows: Int, columns: Int, seed: UInt64) throws
    -> QuantizedMatrix
  {
    let plain = QuantizedMatrix.random(format, rows: rows, columns: columns, seed: seed)
    let border = [UInt8](repeating: 0xFF, count: 256)
    let bytes = border + plain.file.bytes(0..<plain.byteCount) + border
    return QuantizedMatrix(
      file: try MappedFile(name: "few", bytes: bytes), offset: border.count, format: format,
      rows: rows, columns: columns)
  }

  /// All results one after another; `few: false` computes them with `multiply`.
  private func results(_ format: BlockFormat, _ shape: Shape, few: Bool = true) throws -> [Float] {
    var generator = SampleGenerator(seed: 31)
    let columns =
      format.blockLength == 1 ? 32 * shape.blocks + 13 : format.blockLength * shape.blocks
    let bench = try Bench(byteCount: 1 << 20)
    let (t, r) = (shape.tokens, shape.rank)
    let x = bench.matrix(t, columns, .bfloat16, generator.values(t * columns))
    let products = try shape.outs.enumerated().map { index, out in
      let u = bench.matrix(t, r, .bfloat16, generator.values(t * r))
      let bt = bench.matrix(r, out, .bfloat16, generator.values(r * out))
      let start = generator.values(t * out)
      return FewProduct(
        into: bench.matrix(t, out, shape.output, shape.accumulate ? start : nil),
        try weight(format, rows: out, columns: columns, seed: UInt64(index)),
        adapter: r > 0 ? (u, bt) : nil)
    }
    if few {
      multiplyFew(products, x, accumulate: shape.accumulate)
    } else {
      for product in products {
        multiply(
          into: product.y, x, product.w, adapter: product.adapter, accumulate: shape.accumulate)
      }
    }
    #expect(bench.bordersAreIntact())
    return products.flatMap { $0.y.array() }
  }

  @Test(arguments: BlockFormat.allCases)
  func everyTierAgreesWithTheOracleAndNearlyWithTheExactProduct(_ format: BlockFormat) throws {
    for shape in MultiplyFewTests.shapes {
      let (oracle, exact) = try Compute.with(isa: Compute.scalar) {
        (try results(format, shape), try results(format, shape, few: false))
      }
      let rounding = format.blockLength == 1 ? FewTolerance.oracle : FewTolerance.rounding
      let narrow = shape.output == .bfloat16
      let error = relativeError(oracle, exact)
      #expect(
        error <= max(rounding, narrow ? FewTolerance.bfloat16Result : 0),
        "\(format.name) \(shape): \(error)")
      for isa in Compute.available where isa != Compute.scalar {
        let values = try Compute.with(isa: isa) { try results(format, shape) }
        // From five tokens on a tier may take `multiply` for what it has no faster kernel for.
        if shape.tokens > 4,
          try values == Compute.with(isa: isa, { try results(format, shape, few: false) })
        {
          continue
        }
        let error = relativeError(values, oracle)
        #expect(
          error <= (narrow ? FewTolerance.bfloat16Result : FewTolerance.oracle),
          "tier \(isa) \(format.name) \(shape): \(error)")
      }
    }
  }

  @Test func resultsDoNotDependOnTheNumberOfThreads() throws {
    for isa in Compute.available {
      for shape in MultiplyFewTests.shapes {
        let values = try (1...5).map { threads in
          try Compute.with(isa: isa, threads: Int32(threads)) { try results(.q4_1, shape) }
        }
        #expect(values.allSatisfy { $0 == values[0] }, "tier \(isa)")
      }
    }
  }

  @Test func whatATokenGetsFromManyDoesNotDependOnTheirNumber() throws {
    for isa in Compute.available {
      try Compute.with(isa: isa) {
        for format in [BlockFormat.q4_0, .q4_1, .q8_0, .q6_K] {
          let columns = format == .q6_K ? 1280 : 1312
          let w = try weight(format, rows: 37, columns: columns, seed: 5)
          var generator = SampleGenerator(seed: 6)
          let bench = try Bench(byteCount: 1 << 20)
          let x = bench.matrix(64, columns, .bfloat16, generator.values(64 * columns))
          let all = bench.matrix(64, 37, .float32)
          multiplyFew([FewProduct(into: all, w)], x)
          for count in [9, 13, 24, 63] {
            let some = bench.matrix(count, 37, .float32)
            multiplyFew([FewProduct(into: some, w)], x.rows(0..<count))
            #expect(some.array() == all.rows(0..<count).array(), "tier \(isa) \(format) \(count)")
          }
        }
      }
    }
  }

  @Test func aTokenDoesNotSeeItsNeighbours() throws {
    for isa in Compute.available {
      try Compute.with(isa: isa) {
        let w = try weight(.q5_1, rows: 21, columns: 96, seed: 3)
        var generator = SampleGenerator(seed: 4)
        let bench = try Bench()
        let x = bench.matrix(4, 96, .bfloat16, generator.values(4 * 96))
        let together = bench.matrix(4, 21, .float32)
        multiplyFew([FewProduct(into: together, w)], x)
        for token in 0..<4 {
          let alone = bench.matrix(1, 21, .float32)
          multiplyFew([FewProduct(into: alone, w)], x.rows(token..<token + 1))
          #expect(alone.array() == together.rows(token..<token + 1).array(), "tier \(isa)")
        }
      }
    }
  }

  @Test func extremeInputsAreZeroOrShowInTheResult() throws {
    for isa in Compute.available {
      try Compute.with(isa: isa) {
        let w = try weight(.q8_0, rows: 17, columns: 64, seed: 5)
        let bench = try Bench()
        for (value, finite) in [
          (Float(0), true), (1e-38, true), (3e38, true), (.infinity, false), (.nan, false),
        ] {
          var values = [Float](repeating: 0, count: 64)
          values[37] = value
          let x = bench.matrix(1, 64, .bfloat16, values)
          let y = bench.matrix(1, 17, .float32)
          multiplyFew([FewProduct(into: y, w)], x)
          #expect(
            y.array().allSatisfy { abs(value) < 1e30 ? $0 == 0 : finite || !$0.isFinite },
            "tier \(isa) \(value): \(y.array())")
        }
      }
    }
  }
}
