/// How many steps fit into a time, with everything else that a run does in it.
struct TimeBudget {
  /// Share of the time that one validation may take.
  static let validationShare = 0.05

  /// Seconds that the whole run may take.
  var total: Double
  /// Of these, gone when `done` steps were done.
  var spent: Double
  var done = 0
  var secondsPerStep: Double
  var secondsPerValidation = 0.0
  /// Validations still to come when so many steps are taken in all.
  var validations: (Int) -> Int = { _ in 0 }
  /// What the end takes: the results, the report.
  var secondsAtEnd = 0.0
  /// The most steps there may be.
  var most = Int.max

  /// When a run of `steps` steps ends.
  func end(steps: Int) -> Double {
    spent + Double(max(0, steps - done)) * secondsPerStep
      + Double(validations(steps)) * secondsPerValidation + secondsAtEnd
  }

  /// The most steps that end in time; at least one more than are done.
  var steps: Int {
    let ceiling = Double(most)
    let guess = Double(done) + max(0, total - spent) / max(secondsPerStep, 1e-9)
    var (low, high) = (done + 1, Int(min(max(guess + 1, Double(done) + 1), min(ceiling, 1e9))))
    guard high > low else { return low }
    // Validations make the end grow with jumps, but grow it does.
    while low < high {
      let middle = (low + high + 1) / 2
      if end(steps: middle) <= total { low = middle } else { high = middle - 1 }
    }
    return low
  }
}
