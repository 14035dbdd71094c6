import Testing

@testable import scion

struct TerminalReporterTests {
  @Test("Durations are written as clocks show them")
  func durations() {
    #expect(clockText(seconds: 0.4) == "0:00")
    #expect(clockText(seconds: 59.6) == "1:00")
    #expect(clockText(seconds: 75) == "1:15")
    #expect(clockText(seconds: 4000) == "1:06:40")
    #expect(clockText(seconds: .infinity) == "-:--")
    #expect(clockText(seconds: .nan) == "-:--")
  }

  @Test("Sizes are written in decimal units")
  func sizes() {
    #expect(bytesText(512) == "0.5 kB")
    #expect(bytesText(1_234_567) == "1.2 MB")
    #expect(bytesText(2_500_000_000) == "2.50 GB")
  }
}
