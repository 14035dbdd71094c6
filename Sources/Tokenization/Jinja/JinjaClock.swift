import Foundation

/// The time of day that `strftime_now` tells: a local date and time without a zone, as Python's
/// `datetime.now()`.
struct JinjaClock: Equatable, Sendable {
  let year: Int
  let month: Int
  let day: Int
  let hour: Int
  let minute: Int
  let second: Int

  /// The date is of the Gregorian calendar, years 1 to 9999; what lies outside is moved to the
  /// nearest day or time there is.
  init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    self.year = min(max(year, 1), 9999)
    self.month = min(max(month, 1), 12)
    self.day = min(max(day, 1), Self.days(inMonth: self.month, year: self.year))
    self.hour = min(max(hour, 0), 23)
    self.minute = min(max(minute, 0), 59)
    self.second = min(max(second, 0), 59)
  }

  /// Local time.
  static var now: JinjaClock {
    let parts = Calendar(identifier: .gregorian).dateComponents(
      [.year, .month, .day, .hour, .minute, .second], from: Date())
    return JinjaClock(
      year: parts.year ?? 1970, month: parts.month ?? 1, day: parts.day ?? 1,
      hour: parts.hour ?? 0, minute: parts.minute ?? 0, second: parts.second ?? 0)
  }

  private static func isLeap(_ year: Int) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  private static func days(inMonth month: Int, year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// 1 to 366.
  var dayOfYear: Int {
    (1..<month).reduce(day) { $0 + Self.days(inMonth: $1, year: year) }
  }

  /// 0 is Sunday.
  var weekday: Int {
    let past = year - 1
    return (past * 365 + past / 4 - past / 100 + past / 400 + dayOfYear) % 7
  }

  /// Year and week of ISO 8601: weeks begin on Monday, the first one holds 4 January.
  var isoWeek: (year: Int, week: Int) {
    let monday = (weekday + 6) % 7
    let week = (dayOfYear - 1 - monday + 10) / 7
    if week < 1 { return (year - 1, Self.isoWeeks(year - 1)) }
    if week > Self.isoWeeks(year) { return (year + 1, 1) }
    return (year, week)
  }

  private static func isoWeeks(_ year: Int) -> Int {
    let first = JinjaClock(year: year, month: 1, day: 1).weekday
    return first == 4 || (first == 3 && isLeap(year)) ? 53 : 52
  }

  /// Seconds since 1970, taken as UTC.
  var secondsSince1970: Int {
    let past = year - 1
    let days = past * 365 + past / 4 - past / 100 + past / 400 + dayOfYear - 719_163
    return ((days * 24 + hour) * 60 + minute) * 60 + second
  }
}
