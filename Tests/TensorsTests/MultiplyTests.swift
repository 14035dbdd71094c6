import Testing

@testable import Tensors

/// How far a tier may be from the scalar oracle (relative, in the norm). Float32 sums differ in order only;
/// the bfloat16 dot product rounds weights to 8 bits first: 2⁻⁹ at most, less on average; a bfloat16
/// result is rounded once more.
private enum ProductTolerance {
  static let float32 = 3e-6
  static let bfloat16Weights = 3.5e-3
  static let bfloat16Result = 5e-3

  static func of(
    _ set: Processor.InstructionSet, _ format: BlockFormat, input: ElementType,
    output: ElementType
  ) -> Double {
    if output == .bfloat16 { return bfloat16Result }
    let rounds = set.hasBFloat16Product && input == .bfloat16 && format != .bf16
    return rounds ? bfloat16Weights : float32
  }
}

/// Every format, direction, tier and odd size against the scalar oracle; the same bits for every number of
/// threads; borders of NaN that nobody reads or writes.
@Suite(.serialized) struct MultiplyTests {
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

  /// Odd sizes everywhere: every number of tokens, outputs, blocks and ranks meets several of the others.
  private static let shapes: [Shape] = {
    let tokens = [1, 2, 3, 5, 7, 13, 65]
    let outs = [1, 33, 64, 100]
    var shapes: [Shape] = []
    for (i, t) in tokens.enumerated() {
      for (j, o) in outs.enumerated() {
        let output: ElementType = (i + j) % 2 == 0 ? .float32 : .bfloat16
        shapes.append(
          Shape(
            tokens: t, out: o, blocks: [1, 3, 5][(i + j) % 3],
            rank: [0, 1, 8, 17][(i + 2 * j) % 4],
            input: (i / 2 + j) % 2 == 0 ? .bfloat16 : .float32, output: output,
            accumulate: output == .float32 && i % 2 == 0))
      }
    }
    // Several panels of K with their sums waiting in a strip, and a rank beyond the adapter's room.
    shapes.append(
      Shape(
        tokens: 9, out: 2100, blocks: 3, rank: 8, input: .bfloat16, output: .bfloat16,
        accumulate: false))
    shapes.append(
      Shape(
        tokens: 50, out: 66, blocks: 5, rank: 300, input: .bfloat16, output: .bfloat16,
        accumulate: false))
    return shapes
  }()

  private func product(
    _ w: QuantizedMatrix, _ shape: Shape, transposed: Bool, seed: UInt64
  ) throws -> (values: [Float], intact: Bool) {
    var generator = SampleGenerator(seed: seed)
    let (k, n) = transposed ? (w.rows, w.columns) : (w.columns, w.rows)
    let (t, r) = (shape.tokens, shape.rank)
    let bench = try Bench(byteCount: 4 * (t * k + t * r + r * n + t * n) + 2048)
    let x = bench.matrix(t, k, shape.input, generator.values(t * k))
    let u = bench.matrix(t, r, shape.input, generator.values(t * r))
    let b = bench.matrix(r, n, shape.input, generator.values(r * n))
    let start = generator.values(t * n)
    let y = bench.matrix(t, n, shape.output, shape.accumulate ? start : nil)
    let adapter = shape.rank > 0 ? (u, b) : nil
    if transposed {
      multiplyTransposed(
        into: y, x, w, adapter: adapter, accumulate: shape.accumulate)
    } else {
      multiply(into: y, x, w, adapter: adapter, accumulate: shape.accumulate)
    }
    return (y.array(), bench.bordersAreIntact())
  }

  /// Holds the lock of the process-wide settings and leaves them as they were.
  private func restoring(_ body: () throws -> Void) rethrows {
    try Compute.with(isa: Processor.instructionSet.rawValue, threads: 2, body)
  }

  @Test(arguments: BlockFormat.allCases)
  func everyTierAgreesWithTheOracleInBothDirections(_ format: BlockFormat) throws {
    try restoring {
      for (index, shape) in MultiplyTests.shapes.enumerated() {
        let w = QuantizedMatrix.random(
          format, rows: shape.out, columns: shape.columns(format), seed: UInt64(index))
        for transposed in [false, true] {
          Processor.instructionSet = .scalar
          let expected = try product(w, shape, transposed: transposed, seed: 7)
          #expect(expected.intact)
          for set in Processor.available where set != .scalar {
            Processor.instructionSet = set
            let actual = try product(w, shape, transposed: transposed, seed: 7)
            let error = relativeError(actual.values, expected.values)
            let tolerance = ProductTolerance.of(
              set, format, input: shape.input, output: shape.output)
            #expect(
              error <= tolerance,
              "\(set.name) \(format.name) transposed \(transposed) \(shape): \(error)")
            #expect(actual.intact, "\(set.name) wrote outside: \(shape)")
          }
        }
      }
    }
  }

  @Test func theOracleIsTheSumOfDecodedProducts() throws {
    try restoring {
      Processor.instructionSet = .scalar
      let w = QuantizedMatrix.random(.f32, rows: 3, columns: 5, seed: 1)
      let weights = (0..<15).map {
        Float(bitPattern: w.file.load(UInt32.self, at: 4 * $0))
      }
      let shape = Shape(
        tokens: 2, out: 3, blocks: 0, rank: 2, input: .float32, output: .float32,
        accumulate: true)
      var generator = SampleGenerator(seed: 3)
      let x = generator.values(10)
      let u = generator.values(4)
      let b = generator.values(6)
      let start = generator.values(6)
      var expected = start
      for t in 0..<2 {
        for o in 0..<3 {
          for i in 0..<5 { expected[t * 3 + o] += x[t * 5 + i] * weights[o * 5 + i] }
          for r in 0..<2 { expected[t * 3 + o] += u[t * 2 + r] * b[r * 3 + o] }
        }
      }
      let actual = try product(w, shape, transposed: false, seed: 3)
      #expect(relativeError(actual.values, expected) < ProductTolerance.float32)
    }
  }

  @Test func theTransposedProductIsTheAdjoint() throws {
    // <y, x w^T> = <y w, x> for every tier.
    try restoring {
      let w = QuantizedMatrix.random(.q4_K, rows: 70, columns: 512, seed: 2)
      let shape = Shape(
        tokens: 6, out: 70, blocks: 2, rank: 0, input: .float32, output: .float32,
        accumulate: false)
      for set in Processor.available {
        Processor.instructionSet = set
        var generator = SampleGenerator(seed: 11)
        let x = generator.values(6 * 512)
        generator = SampleGenerator(seed: 12)
        let y = generator.values(6 * 70)
        let forward = try product(w, shape, transposed: false, seed: 11).values
        let backward = try product(w, shape, transposed: true, seed: 12).values
        let left = zip(forward, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let right = zip(backward, x).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(left - right) < 1e-4 * max(abs(left), 1), "\(set.name)")
      }
    }
  }

  @Test func resultsDoNotDependOnTheNumberOfThreads() throws {
    try restoring {
      for set in Processor.available {
        Processor.instructionSet = set
        for (tokens, out, columns) in [(1, 300, 576), (16, 576, 288), (131, 192, 576)] {
          for type in [ElementType.float32, .bfloat16] {
            let w = QuantizedMatrix.random(.q4_1, rows: out, columns: columns, seed: 5)
            let shape = Shape(
              tokens: tokens, out: out, blocks: 0, rank: 8, input: type, output: type,
              accumulate: false)
            for transposed in [false, true] {
              var results: [[Float]] = []
              for threads in 1...3 {
                Processor.threads = threads
                results.append(try product(w, shape, transposed: transposed, seed: 9).values)
              }
              #expect(results[0] == results[1] && results[0] == results[2], "\(set.name)")
            }
          }
        }
      }
    }
  }

  @Test func aTokensResultDoesNotDependOnItsNeighbours() throws {
    // Tiles of different heights sum in the same order (from five tokens on: fewer take another path).
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
          multiply(into: y, x, w)
          let part = arena.allocate(rows: 5, columns: 100, type: .float32)
          multiply(into: part, x.rows(7..<12), w)
          #expect(part.array() == y.rows(7..<12).array(), "\(set.name)")
        }
      }
    }
  }

  // MARK: - Thin and dense products

  private struct Thin {
    var u: [Float]
    var da: [Float]
    var g: [Float]
    var intact: Bool
  }

  private func thin(tokens: Int, rank: Int, k: Int, type: ElementType) throws -> Thin {
    var generator = SampleGenerator(seed: 21)
    let bench = try Bench(byteCount: 1 << 20)
    let x = bench.matrix(tokens, k, type, generator.values(tokens * k))
    let a = bench.matrix(rank, k, type, generator.values(rank * k))
    let v = bench.matrix(tokens, rank, type, generator.values(tokens * rank))
    let u = bench.matrix(tokens, rank, type)
    let da = bench.matrix(rank, k, .float32, generator.values(rank * k))
    let g = bench.matrix(rank, k, .float32, generator.values(rank * k))
    project(into: u, x, a, scale: 0.75)
    projectGradient(into: da, v, x)
    weightGradient(into: g, v, x)
    return Thin(
      u: u.array(), da: da.array(), g: g.array(), intact: bench.bordersAreIntact())
  }

  @Test(arguments: [1, 8, 17, 64, 70])
  func thinProductsAgreeWithTheOracle(rank: Int) throws {
    try restoring {
      for tokens in [1, 2, 3, 5, 7, 13, 65] {
        for type in [ElementType.float32, .bfloat16] {
          let k = tokens % 2 == 0 ? 160 : 77
          Processor.instructionSet = .scalar
          let expected = try thin(tokens: tokens, rank: rank, k: k, type: type)
          for set in Processor.available {
            Processor.instructionSet = set
            for threads in [1, 3] {
              Processor.threads = threads
              let actual = try thin(tokens: tokens, rank: rank, k: k, type: type)
              let tolerance =
                type == .bfloat16 ? ProductTolerance.bfloat16Result : ProductTolerance.float32
              #expect(relativeError(actual.u, expected.u) <= tolerance, "\(set.name) \(tokens)")
              #expect(
                relativeError(actual.da, expected.da) <= ProductTolerance.float32,
                "\(set.name) \(tokens)")
              #expect(
                relativeError(actual.g, expected.g) <= ProductTolerance.float32,
                "\(set.name) \(tokens)")
              #expect(actual.intact, "\(set.name) \(tokens)")
            }
          }
        }
      }
    }
  }

  @Test func aWeightGradientSumsOverTokens() throws {
    let arena = try Arena("gradient", byteCount: 4096)
    let d = arena.allocate(rows: 2, columns: 2, type: .float32)
    d.assign([1, 2, 3, 4])
    let x = arena.allocate(rows: 2, columns: 3, type: .float32)
    x.assign([1, 10, 100, 2, 20, 200])
    let g = arena.allocate(rows: 2, columns: 3, type: .float32)
    restoring {
      for set in Processor.available {
        Processor.instructionSet = set
        g.assign([1, 1, 1, 0, 0, 0])
        weightGradient(into: g, d, x)
        #expect(g.array() == [8, 71, 701, 10, 100, 1000], "\(set.name)")
      }
    }
  }
}
