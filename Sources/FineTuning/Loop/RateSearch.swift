internal import Foundation

/// Learning rates tried from the same start, and the one to take.
///
/// A trial takes a few steps on parts of the first batches and is judged on held-out records. The rates are a geometric row
/// around the optimizer's usual one. As trials are far shorter than runs, what they tell is where training breaks and where
/// it is slow: between the two the curve of losses is flat, and its minimum, from a parabola through the best three in
/// log rate, is taken.
struct RateSearch: Sendable, Equatable {
  /// A rate with its held-out loss; nil where the trial ended in numbers that are none.
  struct Trial: Sendable, Equatable, Codable {
    var rate: Double
    var loss: Double?
  }

  /// Neighbours of a row differ by this factor.
  static let factor = 4.0

  /// What a search may do within its share of a run.
  struct Extent: Sendable, Equatable {
    /// Rates to try.
    var trials: Int
    /// Steps of each.
    var steps: Int
  }

  /// Share of a run's work that a search may take.
  static let share = 0.1
  /// A trial's step is this part of a run's.
  static let part = 4
  private static let leastSteps = 4
  private static let mostSteps = 24

  /// The extent for a run of `steps` steps: five rates where they fit, three at least, and as many steps of each as are left.
  static func extent(steps: Int) -> Extent {
    // In trial steps; a validation counts as two.
    let budget = Double(steps) * share * Double(part)
    let trials = budget >= 5 * Double(leastSteps + 2) ? 5 : 3
    let each = Int(budget / Double(trials)) - 2
    return Extent(trials: trials, steps: min(max(each, leastSteps), mostSteps))
  }

  /// The rates of a row around `centre`, the centre first: what is next is known to be needed soonest.
  static func rates(around centre: Double, trials: Int) -> [Double] {
    // 0, 1, −1, 2, −2, …
    let places = (0..<trials).map { index -> Int in
      index % 2 == 1 ? (index + 1) / 2 : -index / 2
    }
    return places.map { centre * pow(factor, Double($0)) }
  }

  /// What a whole run bears beyond a trial's best, since its rate falls slowly: 0.9 to 3.4 on four sets of 80 steps
  /// (snips, banking77, nl2bash, samples/home), 1.7 their geometric mean. Never beyond a neighbour that was worse.
  static let lengthening = 1.7

  /// The best rate of what was tried, between neighbours by a parabola in log rate; nil where none was of use.
  static func choice(_ trials: [Trial]) -> Double? {
    let sound = trials.compactMap { trial in trial.loss.map { (log(trial.rate), $0) } }
      .filter { $0.1.isFinite }.sorted { $0.0 < $1.0 }
    guard let best = sound.indices.min(by: { sound[$0].1 < sound[$1].1 }) else { return nil }
    guard best > 0, best + 1 < sound.count else { return exp(sound[best].0) }
    let (left, middle, right) = (sound[best - 1], sound[best], sound[best + 1])
    // The minimum of the parabola through three points (Press et al., Numerical Recipes, 10.2).
    let (a, b) = (middle.0 - left.0, middle.0 - right.0)
    let (p, q) = (middle.1 - right.1, middle.1 - left.1)
    let below = a * p - b * q
    guard abs(below) > 1e-12 else { return exp(middle.0) }
    let place = middle.0 - 0.5 * (a * a * p - b * b * q) / below
    return exp(min(max(place + log(lengthening), left.0), right.0))
  }

  /// The rate that rows begin around: what suits the rule on small models.
  static func centre(_ settings: OptimizerSettings) -> Double {
    let rule: Double = settings.rule.hasMoments ? 1e-3 : 0.1
    // B's rate is what matters where the two differ.
    return rule / Double(settings.loraPlus).squareRoot()
  }
}
