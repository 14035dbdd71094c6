internal import CKernels
internal import Glibc

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

  /// One step. `moments` (zero before step 1) and the float32 `gradient` are of the parameters' count; the gradient is
  /// multiplied by `gradientScale` first (clipping). `step` counts from 1.
  public func update(
    _ parameters: TrainableParameters, _ moments: Moments, gradient: Matrix,
    gradientScale: Float = 1, learningRate: Float, step: Int, rounding: RoundingKey
  ) {
    precondition(moments.count == parameters.count && step >= 1)
    var job = unsafe job(parameters, gradient, gradientScale, learningRate, weightDecay, rounding)
    unsafe job.moments = moments.precision.code
    unsafe job.first = moments.first.pointer
    unsafe job.second = moments.second.pointer
    unsafe job.first_scales = moments.firstScales?.floats
    unsafe job.second_scales = moments.secondScales?.floats
    unsafe job.beta1 = beta1
    unsafe job.beta2 = beta2
    unsafe job.epsilon = epsilon
    unsafe job.correction1 = Float(1 - pow(Double(beta1), Double(step)))
    unsafe job.correction2 = Float(1 - pow(Double(beta2), Double(step)))
    unsafe ck_optimize(&job)
  }
}

/// Plain gradient descent, `p ← p − η·(g + λp)`: no moments.
public struct GradientDescent: Sendable, Hashable {
  /// λ.
  public var weightDecay: Float

  public init(weightDecay: Float = 0) { self.weightDecay = weightDecay }

  /// One step; the float32 `gradient` is multiplied by `gradientScale` first (clipping).
  public func update(
    _ parameters: TrainableParameters, gradient: Matrix, gradientScale: Float = 1,
    learningRate: Float, rounding: RoundingKey
  ) {
    var job = unsafe job(parameters, gradient, gradientScale, learningRate, weightDecay, rounding)
    unsafe job.moments = Int32(CK_KEEP_NOTHING)
    unsafe ck_optimize(&job)
  }
}

/// What decides how numbers are rounded at random in one step: a seed and the number of the first parameter. The
/// random bits of a parameter depend on nothing else.
public struct RoundingKey: Sendable, Hashable {
  let key: UInt64
  let index: Int

  /// - Parameters:
  ///   - generator: a stream that belongs to the run's random rounding.
  ///   - step: the optimizer step.
  ///   - index: the number of the first parameter among all.
  public init(_ generator: RandomGenerator, step: Int, index: Int = 0) {
    var draws = generator.stream(step)
    key = draws.next()
    self.index = index
  }
}

private func job(
  _ parameters: TrainableParameters, _ gradient: Matrix, _ gradientScale: Float,
  _ learningRate: Float, _ weightDecay: Float, _ rounding: RoundingKey
) -> ck_optimization {
  precondition(gradient.count == parameters.count)
  var job = unsafe ck_optimization()
  unsafe job.parameters = parameters.precision.code
  unsafe job.high = parameters.rounded?.halves
  unsafe job.low = parameters.low?.remainders
  unsafe job.master = parameters.master?.floats
  unsafe job.gradient = UnsafePointer(gradient.floats)
  unsafe job.gradient_scale = gradientScale
  unsafe job.learning_rate = learningRate
  unsafe job.weight_decay = weightDecay
  unsafe job.key = rounding.key
  unsafe job.index = Int64(rounding.index)
  unsafe job.count = Int64(parameters.count)
  return unsafe job
}

extension ParameterPrecision {
  var code: Int32 {
    switch self {
    case .splitFloat32: Int32(CK_KEEP_SPLIT)
    case .float32: Int32(CK_KEEP_F32)
    case .bfloat16: Int32(CK_KEEP_BF16)
    }
  }
}

extension MomentPrecision {
  var code: Int32 {
    switch self {
    case .float32: Int32(CK_KEEP_F32)
    case .bfloat16: Int32(CK_KEEP_BF16)
    case .eightBit: Int32(CK_KEEP_8BIT)
    }
  }
}

/// The sum of squares of a float32 matrix, in fp64 and a fixed order: for the norm of gradients.
public func sumOfSquares(_ x: Matrix) -> Double {
  unsafe ck_sum_of_squares(x.floats, Int64(x.count))
}
