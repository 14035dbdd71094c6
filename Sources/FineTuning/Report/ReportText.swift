internal import Foundation

/// Numbers as reports show them.
public enum ReportText {
  /// `1234567` → `1,234,567`.
  public static func count(_ value: Int) -> String {
    var digits = Array("\(abs(value))")
    var place = digits.count - 3
    while place > 0 {
      digits.insert(",", at: place)
      place -= 3
    }
    return (value < 0 ? "-" : "") + String(digits)
  }

  /// In the largest fitting unit of 1000.
  public static func bytes(_ value: Int) -> String {
    value >= 1_000_000_000
      ? String(format: "%.2f GB", Double(value) / 1e9)
      : String(format: "%.0f MB", Double(value) / 1e6)
  }

  /// `75` → `1:15`, `4000` → `1:06:40`.
  public static func time(_ seconds: Double) -> String {
    let total = Int(seconds.isFinite ? seconds.rounded() : 0)
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
    return hours > 0
      ? String(format: "%d:%02d:%02d", hours, minutes, rest)
      : String(format: "%d:%02d", minutes, rest)
  }

  /// A word for a shell, quoted where it must be.
  static func shell(_ word: String) -> String {
    let isPlain =
      !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "/._-+".contains($0) }
    return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}
