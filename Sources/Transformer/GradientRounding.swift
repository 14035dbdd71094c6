internal import Tensors

/// What output gradients are rounded to 8-bit integers by, in one micro-batch of a model that computes in int8: up or down
/// at random so that their mean is kept (Xi et al. 2024, Jetfire, arXiv 2403.12422).
///
/// What a value draws follows from the run's seed, the step, the matrix, the token's place in the step and the column, so that
/// another number of threads and a resumed run draw the same. Each matrix has draws of its own.
public struct GradientRounding: Sendable, Equatable {
  /// Of the run and the step.
  private let key: UInt64
  /// Tokens of the step before this micro-batch.
  public let firstRow: Int

  public init(seed: UInt64, step: Int, firstRow: Int) {
    self.firstRow = firstRow
    key = RandomGenerator(seed: seed).stream("rounding of gradients").stream(step).seed
  }

  /// Of what is no step of a run: a start's gradients.
  public static let outsideSteps = GradientRounding(seed: 0, step: 0, firstRow: 0)

  /// Of the output gradient of a projection, whose row 0 is the micro-batch's.
  func rounding(layer: Int, _ projection: Projection) -> RandomRounding {
    rounding(matrix: 1 + layer * Projection.indexCount + projection.rawValue, row: 0)
  }

  /// Of the gradient of a chunk of logits, the first of which belongs to the micro-batch's target number `row`.
  func roundingOfLogits(row: Int) -> RandomRounding { rounding(matrix: 0, row: row) }

  private func rounding(matrix: Int, row: Int) -> RandomRounding {
    RandomRounding(
      key: RandomGenerator(seed: key).stream(matrix).seed, firstRow: firstRow + row)
  }
}
