import Foundation

/// Progress and messages on stderr. On a terminal the progress line is redrawn; elsewhere each is a
/// line of its own, at most one every few seconds.
struct TerminalReporter {
  let quiet: Bool
  private let isTerminal: Bool
  private var lineIsOpen = false
  private var lastLine: ContinuousClock.Instant?

  init(quiet: Bool = false) {
    self.quiet = quiet
    isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
  }

  /// A message that stays.
  mutating func say(_ text: String) {
    guard !quiet else { return }
    closeLine()
    write(text + "\n")
  }

  /// A message that even --quiet shows.
  mutating func warn(_ text: String) {
    closeLine()
    write("scion: \(text)\n")
  }

  /// The progress line. Off a terminal it is written when `every` seconds have passed, or when
  /// `always`.
  mutating func progress(_ text: String, every seconds: Double = 5, always: Bool = false) {
    guard !quiet else { return }
    if isTerminal {
      write("\r\u{1B}[2K" + text)
      lineIsOpen = true
      return
    }
    let now = ContinuousClock.now
    if !always, let lastLine, now - lastLine < .seconds(seconds) { return }
    lastLine = now
    write(text + "\n")
  }

  /// Ends a redrawn line.
  mutating func closeLine() {
    if lineIsOpen { write("\n") }
    lineIsOpen = false
  }

  private func write(_ text: String) {
    StandardStreams.message(text)
  }
}

/// `75` → `1:15`, `4000` → `1:06:40`.
func clockText(seconds: Double) -> String {
  guard seconds.isFinite, seconds < 1e7 else { return "-:--" }
  let total = Int(seconds.rounded())
  let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
  return hours > 0
    ? String(format: "%d:%02d:%02d", hours, minutes, rest)
    : String(format: "%d:%02d", minutes, rest)
}

/// `1234567` → `1.2 MB` (decimal units, as disks and wheels count).
func bytesText(_ bytes: Int) -> String {
  if bytes >= 1_000_000_000 { return String(format: "%.2f GB", Double(bytes) / 1e9) }
  if bytes >= 1_000_000 { return String(format: "%.1f MB", Double(bytes) / 1e6) }
  return String(format: "%.1f kB", Double(bytes) / 1e3)
}
