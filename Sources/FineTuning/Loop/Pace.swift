internal import Yams

/// How a run of a given time goes through its schedule: so many steps in all, as known from each
/// step on that changed the number.
///
/// At first a run is fitted to `steps` of its first entry, and the schedule of learning rates is
/// that of so many steps. Where the machine turns out faster or slower, a later entry gives another
/// number: what is left of the schedule is then gone through in more or fewer steps, without a jump.
public struct Pace: Sendable, Hashable, Codable {
  /// From step `step` (steps done) on, `count` steps in all.
  struct Entry: Sendable, Hashable, Codable {
    var step: Int
    var count: Int
  }

  private(set) var entries: [Entry]

  init(steps: Int) { entries = [Entry(step: 0, count: steps)] }

  /// `0:120,45:96`; nil for what is none: steps must grow, and lie before the ends.
  public init?(_ text: String) {
    var entries: [Entry] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let numbers = part.split(separator: ":", omittingEmptySubsequences: false)
        .map { Int($0.filter { !$0.isWhitespace }) }
      guard numbers.count == 2, let step = numbers[0], let count = numbers[1], count >= 1,
        entries.isEmpty ? step == 0 : step > entries[entries.count - 1].step,
        step < count, entries.last.map({ step < $0.count }) ?? true
      else { return nil }
      entries.append(Entry(step: step, count: count))
    }
    guard !entries.isEmpty else { return nil }
    self.entries = entries
  }

  /// Steps in all, as known last.
  var stepCount: Int { entries[entries.count - 1].count }

  /// Steps of the schedule.
  var scheduleSteps: Int { entries[0].count }

  /// From `step` steps done on, `count` in all. The last entry of a step counts.
  mutating func change(at step: Int, to count: Int) {
    precondition(step < count && step < stepCount)
    if entries[entries.count - 1].step == step {
      entries[entries.count - 1].count = count
    } else {
      entries.append(Entry(step: step, count: count))
    }
  }

  /// Where in the schedule, which has `scheduleSteps` steps, the run is after `step` steps.
  func position(after step: Int) -> Double {
    var (at, position) = (0.0, 0.0)
    let end = Double(scheduleSteps)
    for (index, entry) in entries.enumerated() {
      // Positions left over steps left.
      let rate = (end - position) / (Double(entry.count) - at)
      let next = index + 1 < entries.count ? min(entries[index + 1].step, step) : step
      position += rate * (Double(next) - at)
      at = Double(next)
      if next == step { break }
    }
    return position
  }

  var text: String { entries.map { "\($0.step):\($0.count)" }.joined(separator: ",") }
}

extension Pace: SettingValue {
  static let expected = "steps as a run wrote them, like 0:120,45:96"
  static func read(_ node: Node) -> Pace? { node.scalar.flatMap { Pace($0.string) } }
  var node: Node { text.node }
}
