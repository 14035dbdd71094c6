/// A point in time as templates see it (`strftime_now`): a date and a time of day, without a zone.
public struct TemplateClock: Sendable {
  let time: JinjaClock

  /// Reads `2026-07-04T09:05:03` (or the date alone); nil for anything else and for days that do
  /// not exist.
  public init?(_ text: String) {
    let halves = text.split(separator: "T", omittingEmptySubsequences: false)
    func numbers(_ text: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
      let parts = text.split(separator: separator, omittingEmptySubsequences: false)
      guard parts.map(\.utf8.count) == widths else { return nil }
      let values = parts.compactMap { part in
        part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
      }
      return values.count == parts.count ? values : nil
    }
    guard (1...2).contains(halves.count), let date = numbers(halves[0], "-", [4, 2, 2]) else {
      return nil
    }
    var time = [0, 0, 0]
    if halves.count == 2 {
      guard let read = numbers(halves[1], ":", [2, 2, 2]) else { return nil }
      time = read
    }
    let (year, month, day) = (date[0], date[1], date[2])
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard year > 0, (1...12).contains(month), (1...days[month - 1]).contains(day),
      time[0] < 24, time[1] < 60, time[2] < 60
    else { return nil }
    self.time = JinjaClock(
      year: year, month: month, day: day, hour: time[0], minute: time[1], second: time[2])
  }

  private init(_ time: JinjaClock) { self.time = time }

  /// The beginning of this day.
  public static var today: TemplateClock {
    let now = JinjaClock.now
    return TemplateClock(
      JinjaClock(year: now.year, month: now.month, day: now.day, hour: 0, minute: 0, second: 0))
  }

  /// What `init` reads back: `2026-07-04T09:05:03`.
  public var text: String {
    func digits(_ number: Int, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
    let date = [digits(time.year, 4), digits(time.month, 2), digits(time.day, 2)]
    let clock = [time.hour, time.minute, time.second].map { digits($0, 2) }
    return date.joined(separator: "-") + "T" + clock.joined(separator: ":")
  }
}
