import Tensors

/// One weight with activations for both directions, to be timed and checked.
struct GemmCase {
  let shape: GemmShape
  let weight: QuantizedMatrix
  /// Activations [tokens, in] and output gradients [tokens, out].
  private let x: Matrix
  private let dy: Matrix
  private let y: Matrix
  private let dx: Matrix
  /// Tokens whose whole rows are compared, and the oracle's rows of them.
  private let sampled: [Int]
  private let expected: [GemmDirection: [[Float]]]
  private let arithmetic: ProductArithmetic

  /// Relative error (in the norm) of a row: float32 sums differ in order; the bf16 dot product
  /// rounds weights to 8 bits, and a bf16 result is rounded once more.
  ///
  /// In int8 both sides are rounded to 8 bits (int8.h).
  private func tolerance(_ result: Matrix) -> Double {
    if arithmetic == .int8 { return 0.015 }
    let isRounded = x.type == .bfloat16 && Processor.instructionSet.hasBFloat16Product
    return isRounded || result.type == .bfloat16 ? 6e-3 : 1e-5
  }

  /// - Parameter type: of x, dY and Y; dX is float32, as in training.
  init(
    _ shape: GemmShape, _ format: BlockFormat, storage type: ElementType,
    arithmetic: ProductArithmetic
  ) throws {
    self.shape = shape
    self.arithmetic = arithmetic
    weight = try RandomWeights.make(format, rows: shape.out, columns: shape.in)
    let most = GemmShape.tokens.max() ?? 1
    func size(_ columns: Int, _ type: ElementType) -> Int {
      Arena.size(rows: most, columns: columns, type: type)
    }
    let arena = try Arena(
      "products",
      byteCount: size(shape.in, type) + 2 * size(shape.out, type) + size(shape.in, .float32))
    x = arena.allocate(rows: most, columns: shape.in, type: type)
    dy = arena.allocate(rows: most, columns: shape.out, type: type)
    y = arena.allocate(rows: most, columns: shape.out, type: type)
    dx = arena.allocate(rows: most, columns: shape.in, type: .float32)
    var generator = RandomGenerator(seed: 2).stream("activations")
    x.assign(generator.uniforms(x.count, bound: 1))
    dy.assign(generator.uniforms(dy.count, bound: 1))
    sampled = Set(GemmShape.tokens.map { $0 - 1 } + [0]).sorted()
    expected = GemmCase.oracle(x, dy, weight, sampled)
  }

  /// Rows `sampled` of both products in float32, by nothing that is measured: the Swift codecs decode, the system's
  /// BLAS multiplies.
  private static func oracle(
    _ x: Matrix, _ dy: Matrix, _ weight: QuantizedMatrix, _ sampled: [Int]
  ) -> [GemmDirection: [[Float]]] {
    func rows(_ matrix: Matrix) -> DenseMatrix<Float> {
      DenseMatrix(
        rows: sampled.count, columns: matrix.columns,
        values: sampled.flatMap { matrix.rows($0..<$0 + 1).array() })
    }
    let (xs, dys) = (rows(x), rows(dy))
    var forward = [[Float]](repeating: [], count: sampled.count)
    var backward = DenseMatrix<Float>(rows: sampled.count, columns: weight.columns)
    for start in stride(from: 0, to: weight.rows, by: 256) {
      let range = start..<min(start + 256, weight.rows)
      let part = DenseMatrix(
        rows: range.count, columns: weight.columns, values: Codec.decode(weight, rows: range))
      let y = xs.times(part, transposeOther: true)
      var gradients: [Float] = []
      for row in sampled.indices {
        forward[row] += y.values[row * range.count..<(row + 1) * range.count]
        let first = row * weight.rows
        gradients += dys.values[first + range.lowerBound..<first + range.upperBound]
      }
      let dyPart = DenseMatrix(rows: sampled.count, columns: range.count, values: gradients)
      backward = backward.adding(dyPart.times(part))
    }
    let width = weight.columns
    return [
      .forward: forward,
      .backward: sampled.indices.map { Array(backward.values[$0 * width..<($0 + 1) * width]) },
    ]
  }

  /// Operations of a product over `tokens` tokens.
  func operations(tokens: Int) -> Double {
    2 * Double(tokens) * Double(shape.out) * Double(shape.in)
  }

  /// The product over the first `tokens` tokens.
  func run(_ direction: GemmDirection, tokens: Int) {
    switch direction {
    case .forward:
      multiply(into: y.prefix(tokens), x.prefix(tokens), weight, arithmetic: arithmetic)
    case .backward:
      multiplyTransposed(
        into: dx.prefix(tokens), dy.prefix(tokens), weight,
        rounding: arithmetic == .int8 ? RandomRounding(key: 1) : nil)
    }
  }

  /// Throws when what `run` left is not the oracle's.
  func check(_ direction: GemmDirection, tokens: Int) throws {
    let result = direction == .forward ? y : dx
    let limit = tolerance(result)
    for (token, wanted) in zip(sampled, expected[direction] ?? []) where token < tokens {
      let found = result.rows(token..<token + 1).array()
      let error = GemmCase.relativeError(found, wanted)
      guard error <= limit else {
        throw BenchmarkError(
          "gemm/\(direction)/\(shape.text)/T\(tokens) in \(weight.format.name) on "
            + "\(Processor.instructionSet.name) is wrong: token \(token) is off by "
            + "\(error), \(limit) is allowed")
      }
    }
  }

  /// ‖a − b‖ / ‖b‖; infinite when a value of `a` is not finite.
  static func relativeError(_ a: [Float], _ b: [Float]) -> Double {
    var (difference, norm) = (0.0, 0.0)
    for (left, right) in zip(a, b) {
      let delta = Double(left) - Double(right)
      guard delta.isFinite else { return .infinity }
      difference += delta * delta
      norm += Double(right) * Double(right)
    }
    return (difference / max(norm, 1e-60)).squareRoot()
  }
}
