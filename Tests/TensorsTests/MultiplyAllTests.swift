import Testing

@testable import Tensors

/// Products that share their threads have the bits of each alone.
@Suite(.serialized) struct MultiplyAllTests {
  /// Rows of the experts of a layer: none, few, many, more than one strip.
  private static let tokens = [0, 1, 3, 4, 5, 31, 48, 130, 2100]

  private struct Products {
    var alone: [Float] = []
    var together: [Float] = []
  }

  private func run(
    _ counts: [Int], transposed: Bool, input: ElementType, output: ElementType, rank: Int,
    accumulate: Bool
  ) throws -> Products {
    let (rows, columns) = (100, 288)
    let (wide, narrow) = transposed ? (rows, columns) : (columns, rows)
    var generator = SampleGenerator(seed: 3)
    let total = counts.reduce(0, +)
    let arena = try Arena("products", byteCount: 4 * total * (wide + 2 * narrow + rank) + (1 << 20))
    func filled(_ rows: Int, _ columns: Int, _ type: ElementType) -> Matrix {
      let matrix = arena.allocate(rows: rows, columns: columns, type: type)
      matrix.assign(generator.values(matrix.count))
      return matrix
    }
    let x = filled(total, wide, input)
    let low = filled(total, rank, input)
    let high = filled(rank, narrow, input)
    let outputs = (0..<2).map { _ in arena.allocate(rows: total, columns: narrow, type: output) }
    for output in outputs { output.assign([Float](repeating: 0.5, count: output.count)) }

    var products: [SeparateProduct] = []
    var start = 0
    for (index, count) in counts.enumerated() {
      let range = start..<start + count
      start += count
      let w = QuantizedMatrix.random(
        [.q4_0, .q8_0, .q4_1][index % 3], rows: rows, columns: columns, seed: UInt64(index))
      let adapter = rank > 0 ? (low.rows(range), high) : nil
      products.append(
        SeparateProduct(into: outputs[1].rows(range), x.rows(range), w, adapter: adapter))
      if transposed {
        multiplyTransposed(
          into: outputs[0].rows(range), x.rows(range), w,
          adapter: adapter.map { (v: $0.0, a: $0.1) }, accumulate: accumulate)
      } else {
        multiply(
          into: outputs[0].rows(range), x.rows(range), w,
          adapter: adapter.map { (u: $0.0, bt: $0.1) }, accumulate: accumulate)
      }
    }
    if transposed {
      multiplyTransposedAll(products, accumulate: accumulate)
    } else {
      multiplyAll(products, accumulate: accumulate)
    }
    return Products(alone: outputs[0].array(), together: outputs[1].array())
  }

  @Test(arguments: [1, 2, 3], [false, true])
  func bitsAreThoseOfEachProductAlone(threads: Int, transposed: Bool) throws {
    let (set, before) = (Processor.instructionSet, Processor.threads)
    defer { (Processor.instructionSet, Processor.threads) = (set, before) }
    Processor.threads = threads
    // The oracle has no panels: few tokens will do for it.
    for set in Processor.available {
      Processor.instructionSet = set
      let counts = set == .scalar ? [0, 1, 5] : Self.tokens
      for (input, output, rank, accumulate) in [
        (ElementType.bfloat16, ElementType.bfloat16, 0, false),
        (.bfloat16, .float32, 8, true), (.float32, .float32, 0, false),
      ] {
        let found = try run(
          counts, transposed: transposed, input: input, output: output, rank: rank,
          accumulate: accumulate)
        let isEqual = found.alone == found.together
        #expect(isEqual, "\(set.name), rank \(rank)")
        #expect(found.together.contains { $0 != 0.5 })
      }
    }
  }

  @Test func moreProductsThanOneCallTakes() throws {
    let found = try run(
      (0..<300).map { $0 % 9 }, transposed: false, input: .bfloat16, output: .bfloat16, rank: 0,
      accumulate: false)
    let isEqual = found.alone == found.together
    #expect(isEqual)
    multiplyAll([])
  }
}
