/// What the parts of a run take, as far as this process has seen them: for the time left, and for
/// fitting steps to a time.
struct RunClock {
  /// Of the last steps: tokens and seconds.
  private var steps: [(tokens: Int, seconds: Double)] = []
  private var next = 0
  /// Of the last whole validation.
  private(set) var validation = 0.0
  /// Of the last time that results or a checkpoint were written.
  private(set) var writing = 0.0

  /// Steps that count.
  private static let window = 24

  mutating func step(tokens: Int, seconds: Double) {
    if steps.count < Self.window {
      steps.append((tokens, seconds))
    } else {
      steps[next % Self.window] = (tokens, seconds)
    }
    next += 1
  }

  mutating func validated(seconds: Double) { validation = seconds }

  mutating func wrote(seconds: Double) { writing = seconds }

  /// Starts anew after a pause or a change that makes the past no guide.
  mutating func forgetSteps() { (steps, next) = ([], 0) }

  /// Seconds a token of the last steps; nil before the first.
  var secondsPerToken: Double? {
    let tokens = steps.reduce(0) { $0 + $1.tokens }
    return tokens == 0 ? nil : steps.reduce(0) { $0 + $1.seconds } / Double(tokens)
  }
}
