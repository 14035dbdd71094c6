import Testing

@testable import Tensors

/// What holds of the int8 products of both directions.
@Suite(.serialized) struct Int8ProductTests {
  @Test(arguments: Int8Product.allCases)
  func resultsDoNotDependOnTheNumberOfThreads(_ product: Int8Product) throws {
    try Int8Product.restoring {
      for set in Processor.available {
        Processor.instructionSet = set
        for (tokens, k, n) in [(5, 576, 300), (47, 288, 576), (131, 576, 192), (530, 576, 192)] {
          let (out, columns) = product == .forward ? (n, k) : (k, n / 32 * 32)
          for type in [ElementType.float32, .bfloat16] {
            let w = QuantizedMatrix.random(.q4_1, rows: out, columns: columns, seed: 5)
            let shape = Int8Product.Shape(
              tokens: tokens, out: out, rank: 8, input: type, output: type)
            var results: [[Float]] = []
            for threads in 1...3 {
              Processor.threads = threads
              results.append(try product.values(w, shape).values)
            }
            #expect(results[0] == results[1] && results[0] == results[2], "\(set.name)")
          }
        }
      }
    }
  }

  @Test(arguments: Int8Product.allCases)
  func zeroIsExactAndWhatIsNotFiniteSpoilsItsOwnToken(_ product: Int8Product) throws {
    let (k, n) = (320, 64)
    try Int8Product.restoring {
      let (rows, columns) = product == .forward ? (n, k) : (k, n)
      let w = QuantizedMatrix.random(.q4_0, rows: rows, columns: columns, seed: 3)
      for set in Processor.available {
        Processor.instructionSet = set
        var generator = SampleGenerator(seed: 2)
        let arena = try Arena("tokens", byteCount: 1 << 16)
        let x = arena.allocate(rows: 8, columns: k, type: .float32)
        var values = generator.values(x.count)
        for i in 0..<k { values[i] = 0 }
        for i in 0..<k { values[k + i] *= 1e-36 }
        values[2 * k + 200] = .nan
        values[3 * k + 319] = .infinity
        x.assign(values)
        let y = arena.allocate(rows: 8, columns: n, type: .float32)
        product.multiply(into: y, x, w)
        let result = y.array()
        #expect(result[..<n].allSatisfy { $0 == 0 }, "\(set.name)")
        #expect(result[n..<2 * n].allSatisfy { abs($0) < 1e-30 }, "\(set.name)")
        #expect(result[2 * n..<4 * n].allSatisfy { !$0.isFinite }, "\(set.name)")
        #expect(result[(4 * n)...].allSatisfy { $0.isFinite }, "\(set.name)")
      }
    }
  }

  @Test(arguments: Int8Product.allCases)
  func oneToFourTokensAreNotRounded(_ product: Int8Product) throws {
    try Int8Product.restoring {
      let w = QuantizedMatrix.random(.q4_1, rows: 50, columns: 96, seed: 3)
      for set in Processor.available {
        Processor.instructionSet = set
        for tokens in 1...4 {
          let shape = Int8Product.Shape(tokens: tokens, out: 50, rank: 3, input: .bfloat16)
          let plain = try product.values(w, shape, inInt8: false).values
          #expect(try product.values(w, shape).values == plain, "\(set.name) \(tokens)")
        }
      }
    }
  }
}
