/// What ends a training run. Whatever was good before stays where it was.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// The loss or the gradient's norm stopped being a number; the adapters are those of the step before.
  /// - `microBatch`, `sequences`: where, as far as it shows.
  case notANumber(step: Int, loss: Double, microBatch: Int?, sequences: [Int])
  /// The same when the base alone computes numbers on those rows: the adapters are at fault.
  case diverged(step: Int, loss: Double, rows: String, baseLoss: Double)
  /// The loss is a number and its gradient is not, with adapters that have not moved yet.
  case gradientOverflows(rows: String)
  /// The validation's loss is not a number with the adapters, and was one without.
  case validationDiverged(step: Int)
  /// The start put adapters in place with which the loss is not a number.
  case startDiverged(initialization: String)
  /// Weights of adapters that are not numbers, found before they were written.
  case weightsDiverged(step: Int)
  /// The base itself computes no number; `place` says where it was first seen.
  case brokenBase(path: String, place: String)
  /// There is nothing to learn from.
  case noTargets(path: String)
  /// The user asked to stop; nothing was changed.
  case stopped
  /// `error`, and what was good before and stays.
  indirect case keeping(String, TrainingError)

  public var description: String {
    switch self {
    case .notANumber(let step, let loss, _, _):
      "the loss became \(loss) at step \(step): lower --lr, or raise --warmup"
    case .diverged(let step, let loss, let rows, let baseLoss):
      "the loss became \(Self.text(loss)) at step \(step), on \(rows), where the base alone has "
        + "\((baseLoss * 10_000).rounded() / 10_000): the adapters diverged; lower --lr, or raise --warmup"
    case .gradientOverflows(let rows):
      "the gradient of the base is not a number at step 1, on \(rows): take --compute f32"
    case .validationDiverged(let step):
      "the validation loss is not a number after step \(step), where the base's is: the adapters "
        + "diverged; lower --lr, or raise --warmup"
    case .startDiverged(let initialization):
      "the loss is not a number with the adapters as --init \(initialization) starts them: take "
        + "--init-scale linesearch or another start"
    case .weightsDiverged(let step):
      "weights of the adapters are not numbers after step \(step): lower --lr, or raise --warmup"
    case .brokenBase(let path, let place):
      "the base model \(path) is broken: \(place); fetch or convert it again"
    case .noTargets(let path):
      "\(path) has no token to learn from: every record is empty or longer than --seq-len"
    case .stopped: "stopped"
    case .keeping(let kept, let error): "\(error); \(kept)"
    }
  }

  /// Whether the base's file is at fault.
  public var isOfBase: Bool {
    switch self {
    case .brokenBase: true
    case .keeping(_, let error): error.isOfBase
    default: false
    }
  }

  private static func text(_ loss: Double) -> String {
    loss.isFinite ? "\(loss), its gradient not a number," : "\(loss)"
  }
}
