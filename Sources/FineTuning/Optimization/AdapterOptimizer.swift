public import Tensors
public import Transformer

/// An optimizer with its state, over the adapters of a run.
///
/// One step, from the sum of gradients g and the factor c ≤ 1 of the clip, which was measured on g as it is:
///
/// 1. scaled rules: ĝ of every pair by `Preconditioner`, from the values before the step, in place of g;
/// 2. AdamW's moments from c·ĝ, and the step; or, without moments, `p ← p − η(c·ĝ + λp)`;
/// 3. η is the learning rate for A and `loraPlus` times it for B. A frozen A is not touched.
public struct AdapterOptimizer {
  /// Updates made so far.
  public private(set) var stepCount = 0
  public let settings: OptimizerSettings

  let moments: Moments?
  private let rounding: RandomGenerator

  /// Moments of zero. Throws `TensorError.outOfMemory`.
  public init(_ settings: OptimizerSettings, _ layout: AdapterLayout) throws(TensorError) {
    self.settings = settings
    rounding = RandomGenerator(seed: settings.seed).stream("rounding")
    guard settings.rule.hasMoments else {
      moments = nil
      return
    }
    let arena = try Arena("optimizer state", byteCount: settings.stateByteCount(layout))
    moments = Moments(
      count: layout.trained(freezesA: settings.freezesA).count, precision: settings.moments,
      in: arena)
  }

  /// To be called when the moments have been filled with what they held after `stepCount` updates: random rounding and
  /// the correction of the moments go by the number of the step alone.
  mutating func resume(at stepCount: Int) { self.stepCount = stepCount }

  /// One update by `gradientScale` times the gradient sums of `adapters`, which scaled rules overwrite.
  ///
  /// Throws `TensorError.noConvergence`, before any parameter is changed, when a pair has values that are not finite.
  public mutating func update(
    _ adapters: AdapterSet, gradientScale: Float, learningRate: Float
  ) throws(TensorError) {
    guard let gradients = adapters.gradients else {
      preconditionFailure("only trainable adapters are optimized")
    }
    if settings.rule.isScaled { try scaleGradients(of: adapters) }
    stepCount += 1
    let (boundary, end) = (adapters.layout.countA, adapters.layout.count)
    func change(_ range: Range<Int>, _ rate: Float) {
      guard !range.isEmpty else { return }
      let parameters = adapters.parameters.slice(range.lowerBound, rows: 1, columns: range.count)
      let start = range.lowerBound - adapters.trained.lowerBound
      let gradient = gradients.slice(start, rows: 1, columns: range.count)
      let key = RoundingKey(rounding, step: stepCount, index: range.lowerBound)
      if let moments {
        AdamW(weightDecay: settings.weightDecay).update(
          parameters, moments[start..<start + range.count], gradient: gradient,
          gradientScale: gradientScale, learningRate: rate, step: stepCount, rounding: key)
      } else {
        GradientDescent(weightDecay: settings.weightDecay).update(
          parameters, gradient: gradient, gradientScale: gradientScale, learningRate: rate,
          rounding: key)
      }
    }
    if !settings.freezesA { change(0..<boundary, learningRate) }
    change(boundary..<end, settings.loraPlus * learningRate)
    adapters.refresh()
  }

  private func scaleGradients(of adapters: AdapterSet) throws(TensorError) {
    for slot in adapters.layout.slots {
      guard let gradient = adapters.gradient(of: slot) else { continue }
      let (a, bt) = adapters.values(slot)
      let factorA = DenseMatrix(rows: slot.rank, columns: slot.in, values: a)
      if let gradientA = gradient.a {
        let factorBT = DenseMatrix(rows: slot.rank, columns: slot.out, values: bt)
        let scaled = try Preconditioner.scaled(
          gradientA: DenseMatrix(gradientA), gradientBT: DenseMatrix(gradient.bt), a: factorA,
          bt: factorBT, damping: settings.damping)
        gradientA.assign(scaled.a.values)
        gradient.bt.assign(scaled.bt.values)
      } else {
        let scaled = try Preconditioner.scaled(
          DenseMatrix(gradient.bt), by: factorA, damping: settings.damping)
        gradient.bt.assign(scaled.values)
      }
    }
  }
}
