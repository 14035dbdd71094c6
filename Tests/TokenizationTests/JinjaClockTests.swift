import Testing

@testable import Tokenization

struct JinjaClockTests {
  @Test(arguments: [
    (JinjaClock(year: 2026, month: 7, day: 4), 6, 185, "26 W27 2026-07-04"),
    (JinjaClock(year: 2024, month: 2, day: 29), 4, 60, "24 W09 2024-02-29"),
    (JinjaClock(year: 2021, month: 1, day: 3), 0, 3, "20 W53 2021-01-03"),
    (JinjaClock(year: 2024, month: 12, day: 30), 1, 365, "25 W01 2024-12-30"),
    (JinjaClock(year: 2000, month: 1, day: 1), 6, 1, "99 W52 2000-01-01"),
  ])
  func knowsWeeksAndDays(clock: JinjaClock, weekday: Int, day: Int, text: String) {
    #expect(clock.weekday == weekday)
    #expect(clock.dayOfYear == day)
    #expect(clock.formatted("%g W%V %F") == text)
  }

  @Test func movesWhatIsNoDateToTheNearestOne() {
    #expect(
      JinjaClock(year: 2023, month: 2, day: 31, hour: 25).formatted("%F %H") == "2023-02-28 23")
    #expect(JinjaClock(year: 99999, month: 13, day: 0).formatted("%F") == "9999-12-01")
  }

  @Test func tellsTheTimeOfNow() {
    let now = JinjaClock.now
    #expect(now.year >= 2024)
    #expect(now.formatted("%Y-%m-%d").count == 10)
  }

  @Test func countsSecondsSince1970() {
    #expect(JinjaClock(year: 1970, month: 1, day: 2, second: 1).secondsSince1970 == 86_401)
    #expect(
      JinjaClock(year: 2026, month: 7, day: 4, hour: 9, minute: 5, second: 3).formatted("%s")
        == "1783155903")
  }
}
