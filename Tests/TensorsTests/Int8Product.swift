@testable import Tensors

/// A product in int8 and, to compare with, in the activations' type, on memory with borders.
enum Int8Product: CaseIterable {
  /// `y = x · wᵀ`.
  case forward
  /// `dx = dy · w`, dy rounded at random.
  case backward

  /// Of a product with a weight `[out, columns]`.
  struct Shape {
    var tokens: Int
    var out: Int
    var blocks = 0
    var rank = 0
    var input = ElementType.float32
    var output = ElementType.float32
    var accumulate = false

    func columns(_ format: BlockFormat) -> Int {
      format.blockLength == 1 ? 32 * blocks + 13 : format.blockLength * blocks
    }
  }

  /// What it computes of samples that the shape alone decides, and whether nothing beside it was written.
  func values(
    _ w: QuantizedMatrix, _ shape: Shape, inInt8: Bool = true,
    rounding: RandomRounding = RandomRounding(key: 9)
  ) throws -> (values: [Float], intact: Bool) {
    var generator = SampleGenerator(seed: 7)
    let (t, r) = (shape.tokens, shape.rank)
    let (k, n) = self == .forward ? (w.columns, w.rows) : (w.rows, w.columns)
    let bench = try Bench(byteCount: 4 * (t * k + t * r + r * n + t * n) + 2048)
    var inputs = generator.values(t * k)
    // Gradients: few large values among many small ones.
    if self == .backward { inputs = inputs.map { $0 * $0 * $0 } }
    let x = bench.matrix(t, k, shape.input, inputs)
    let u = bench.matrix(t, r, shape.input, generator.values(t * r))
    let b = bench.matrix(r, n, shape.input, generator.values(r * n))
    let start = generator.values(t * n)
    let y = bench.matrix(t, n, shape.output, shape.accumulate ? start : nil)
    multiply(
      into: y, x, w, adapter: r > 0 ? (u, b) : nil, accumulate: shape.accumulate,
      rounding: inInt8 ? rounding : nil)
    return (y.array(), bench.bordersAreIntact())
  }

  /// The product itself; `rounding` nil: in the activations' type.
  func multiply(
    into y: Matrix, _ x: Matrix, _ w: QuantizedMatrix, adapter: (Matrix, Matrix)? = nil,
    accumulate: Bool = false, rounding: RandomRounding? = RandomRounding(key: 9)
  ) {
    switch self {
    case .forward:
      Tensors.multiply(
        into: y, x, w, adapter: adapter, accumulate: accumulate,
        arithmetic: rounding == nil ? .activations : .int8)
    case .backward:
      multiplyTransposed(
        into: y, x, w, adapter: adapter, accumulate: accumulate, rounding: rounding)
    }
  }

  /// Holds the lock of the process-wide settings and leaves them as they were.
  static func restoring(_ body: () throws -> Void) rethrows {
    try Compute.with(isa: Processor.instructionSet.rawValue, threads: 2, body)
  }
}
