internal import Foundation

/// The learning rate of each step: linear warm-up to a peak, then a decay or none.
///
/// Step i (from 0) of the warm-up has `peak · (i + 1) / warmup`: the first step is not wasted on a
/// rate of zero, the last one reaches the peak. The decay starts from the peak and would reach
/// `final · peak` at step `steps`, one after the last.
public struct LearningRateSchedule: Sendable, Hashable, Codable {
  /// The decay after warm-up: the values of `--schedule`.
  public enum Shape: String, Sendable, Hashable, Codable, CaseIterable {
    case linear, cosine, constant
  }

  /// Length of the warm-up: the value of `--warmup`.
  public enum Warmup: Sendable, Hashable, Codable {
    /// Of all steps, 0..<1, rounded up.
    case fraction(Double)
    case steps(Int)

    /// Below 1 a fraction of the steps, else a number of steps (rounded down).
    public init(_ value: Double) {
      self = value < 1 ? .fraction(max(0, value)) : .steps(Int(value))
    }
  }

  public let shape: Shape
  /// The highest rate.
  public let peak: Double
  /// Optimizer steps of the run.
  public let steps: Int
  /// Of these, steps of warm-up.
  public let warmupSteps: Int
  /// Where the decay ends, as a share of the peak.
  public let final: Double

  public init(
    _ shape: Shape, peak: Double, steps: Int, warmup: Warmup = .fraction(0.03), final: Double = 0
  ) {
    precondition(steps >= 0 && peak >= 0 && (0...1).contains(final))
    self.shape = shape
    self.peak = peak
    self.steps = steps
    self.final = final
    switch warmup {
    case .fraction(let fraction):
      precondition((0..<1).contains(fraction))
      warmupSteps = min(steps, Int((fraction * Double(steps)).rounded(.up)))
    case .steps(let count):
      precondition(count >= 0)
      warmupSteps = min(steps, count)
    }
  }

  /// The rate of step `step`, from 0; beyond the last step the decay's end.
  public func rate(at step: Int) -> Double { rate(at: Double(step)) }

  /// The same between steps, for a run that goes through its schedule faster or slower (`Pace`).
  public func rate(at step: Double) -> Double {
    precondition(step >= 0)
    if step < Double(warmupSteps) { return peak * min(1, (step + 1) / Double(warmupSteps)) }
    if shape == .constant { return peak }
    let length = steps - warmupSteps
    let progress = length > 0 ? min(1, (step - Double(warmupSteps)) / Double(length)) : 1
    let remaining =
      switch shape {
      case .linear: 1 - progress
      case .cosine: (1 + cos(Double.pi * progress)) / 2
      case .constant: 1.0
      }
    return peak * (final + (1 - final) * remaining)
  }
}
