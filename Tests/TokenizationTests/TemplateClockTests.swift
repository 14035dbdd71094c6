import Testing

@testable import Tokenization

struct TemplateClockTests {
  @Test func readsDatesAndTimes() {
    for text in ["2026-07-04T09:05:03", "2026-07-04", "2024-02-29", "2000-02-29T23:59:59"] {
      #expect(TemplateClock(text)?.text.hasPrefix(text) == true, "\(text)")
    }
  }

  @Test func todayBeginsAtMidnightAndIsReadBack() {
    let today = TemplateClock.today.text
    #expect(today.hasSuffix("T00:00:00") && TemplateClock(today)?.text == today)
  }

  @Test func refusesDaysThatDoNotExist() {
    for text in [
      "", "now", "2026", "2026-7-4", "2026-13-01", "2026-02-30", "1900-02-29",
      "2026-07-04T24:00:00",
      "2026-07-04 09:05:03", "2026-07-04T09:05", "0000-01-01", "2026-07-04T09:05:03Z", "+026-01-01",
    ] {
      #expect(TemplateClock(text) == nil, "\(text)")
    }
  }
}
