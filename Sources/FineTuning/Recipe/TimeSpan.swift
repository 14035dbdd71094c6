internal import Yams

/// A length of time as people write it: `90s`, `30m`, `8h`, `1h30m`, `1:30:00`, `45:00`; days too.
public struct TimeSpan: Sendable, Hashable, CustomStringConvertible {
  public let seconds: Double

  public init(seconds: Double) { self.seconds = seconds }

  /// Nil for what is no time, and for none: a number without a unit could mean anything.
  public init?(_ text: String) {
    let text = text.lowercased().filter { !$0.isWhitespace }
    guard let found = text.contains(":") ? Self.clock(text) : Self.units(text), found > 0,
      found.isFinite, found < 1e8
    else { return nil }
    seconds = found
  }

  /// `H:MM:SS` or `M:SS`.
  private static func clock(_ text: String) -> Double? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt($0) }
    guard (2...3).contains(parts.count), !parts.contains(nil) else { return nil }
    let numbers = parts.compactMap(\.self)
    guard numbers.dropFirst().allSatisfy({ $0 < 60 }) else { return nil }
    return numbers.reduce(0.0) { $0 * 60 + Double($1) }
  }

  /// Numbers with d, h, m (or min) and s, the largest first.
  private static func units(_ text: String) -> Double? {
    var (total, rest, last) = (0.0, Substring(text), Double.infinity)
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isNumber || $0 == "." }
      let unit = rest.dropFirst(digits.count).prefix { $0.isLetter }
      let sizes = ["d": 86_400.0, "h": 3600, "m": 60, "min": 60, "s": 1]
      guard let number = Double(digits), let size = sizes[String(unit)], size < last else {
        return nil
      }
      total += number * size
      last = size
      rest = rest.dropFirst(digits.count + unit.count)
    }
    return total
  }

  /// In units that are whole where they can be: `8h`, `1h30m`, `90.5s`.
  public var description: String {
    guard seconds.rounded() == seconds else { return "\(seconds)s" }
    let total = Int(seconds)
    let parts = [(total / 3600, "h"), (total / 60 % 60, "m"), (total % 60, "s")]
    return parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
  }
}

extension TimeSpan: SettingValue {
  static let expected = "a time like 90s, 30m, 8h or 1h30m"
  static func read(_ node: Node) -> TimeSpan? { node.scalar.flatMap { TimeSpan($0.string) } }
  var node: Node { description.node }
}
