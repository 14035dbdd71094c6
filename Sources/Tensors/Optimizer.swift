internal import CKernels
internal import Glibc

/// Parameters `[rows, columns]` with an exact float32 master, kept in two halves of 16 bits each.
///
/// `high` is the master rounded to the nearest bfloat16: the matrix that the model computes with and that
/// is exported. `low` makes it exact: `bits(master) = (high << 16) + Int16(low)`. Both halves are handles
/// into arenas, so that the low halves can lie beside the optimizer's state. For training only: an adapter
/// that is merely used needs no low half.
public struct SplitParameters {
  /// The masters, rounded to the nearest bfloat16.
  public let high: Matrix
  /// The remainders: signed 16-bit integers in the memory of a matrix that calls itself bfloat16. Only
  /// its `bytes()` have a meaning outside (a checkpoint's).
  public let low: Matrix

  /// Both halves; same shape, both of type bfloat16.
  public init(high: Matrix, low: Matrix) {
    precondition(high.rows == low.rows && high.columns == low.columns)
    precondition(high.type == .bfloat16 && low.type == .bfloat16)
    self.high = high
    self.low = low
  }

  /// New parameters, zero when the arenas are new. Each arena must have room for a bfloat16 matrix.
  public init(rows: Int, columns: Int, high: Arena, low: Arena) {
    self.init(
      high: high.allocate(rows: rows, columns: columns, type: .bfloat16),
      low: low.allocate(rows: rows, columns: columns, type: .bfloat16))
  }

  public var rows: Int { high.rows }
  public var columns: Int { high.columns }
  public var count: Int { high.count }

  /// Sets every master, exactly. `masters.count` must equal `count`.
  public func assign(_ masters: [Float]) {
    precondition(masters.count == count, "\(masters.count) values for \(rows) x \(columns)")
    unsafe ck_split(highBits, lowBits, masters, Int64(count))
  }

  /// Sets every master from a float32 matrix, exactly.
  public func assign(_ masters: Matrix) {
    precondition(masters.count == count)
    unsafe ck_split(highBits, lowBits, masters.floats, Int64(count))
  }

  /// The masters, row by row, exactly.
  public func array() -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 { unsafe ck_join(buffer.baseAddress!, highBits, lowBits, Int64(count)) }
      initialized = count
    }
  }

  /// Writes the masters into a float32 matrix, exactly.
  public func copy(into masters: Matrix) {
    precondition(masters.count == count)
    unsafe ck_join(masters.floats, highBits, lowBits, Int64(count))
  }

  var highBits: UnsafeMutablePointer<UInt16> {
    unsafe high.pointer.assumingMemoryBound(to: UInt16.self)
  }

  var lowBits: UnsafeMutablePointer<Int16> {
    unsafe low.pointer.assumingMemoryBound(to: Int16.self)
  }
}

/// AdamW with decoupled weight decay and bias correction (Loshchilov and Hutter, arXiv 1711.05101).
///
/// Holds the constants only; moments belong to the caller.
public struct AdamW: Sendable, Hashable {
  public var beta1: Float
  public var beta2: Float
  public var epsilon: Float
  public var weightDecay: Float

  public init(
    beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0
  ) {
    precondition(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon >= 0)
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// One step. `first`, `second` (the moments, zero before step 1) and `gradient` are float32 and of the
  /// parameters' count; the gradient is multiplied by `gradientScale` first (clipping). `step` counts from 1.
  public func update(
    _ parameters: SplitParameters, first: Matrix, second: Matrix, gradient: Matrix,
    gradientScale: Float = 1, learningRate: Float, step: Int
  ) {
    precondition(first.count == parameters.count && second.count == parameters.count)
    precondition(gradient.count == parameters.count && step >= 1)
    unsafe ck_adamw(
      parameters.highBits, parameters.lowBits, first.floats, second.floats, gradient.floats,
      gradientScale, learningRate, beta1, beta2, epsilon, weightDecay,
      Float(1 - pow(Double(beta1), Double(step))), Float(1 - pow(Double(beta2), Double(step))),
      Int64(parameters.count))
  }
}

/// The sum of squares of a float32 matrix, in fp64 and a fixed order: for the norm of gradients.
public func sumOfSquares(_ x: Matrix) -> Double {
  unsafe ck_sum_of_squares(x.floats, Int64(x.count))
}
