/// Bad records that were left out: how many, how many for each reason, and the first of them. It stays small, however many
/// there are.
public struct SkippedRecords: Sendable, Equatable {
  /// How many are kept with their place.
  public static let mostExamples = 20
  /// Reasons that are counted each for itself, and characters of one.
  private static let (mostReasons, longestReason) = (50, 160)

  public private(set) var count = 0
  /// The first, in the order of the file.
  public private(set) var examples: [DataError] = []
  /// By what is the same in them: figures and what stands in quotes are left out.
  private var ofReason: [String: Int] = [:]
  /// Of further reasons.
  private var others = 0

  public var isEmpty: Bool { count == 0 }

  /// The reasons, the most frequent first, figures and texts in quotes as `…`; those beyond the first fifty are one.
  public var reasons: [(text: String, count: Int)] {
    let known = ofReason.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { (text: $0.key, count: $0.value) }
    return known + (others > 0 ? [("other reasons", others)] : [])
  }

  /// How many, in words.
  var counted: String { count == 1 ? "1 bad record" : "\(count) bad records" }

  /// Says how many were skipped and why; nil for none.
  public var notice: String? {
    guard let first = examples.first else { return nil }
    let reasons = reasons
    let shown = reasons.prefix(5)
    let rest = reasons.dropFirst(5).reduce(0) { $0 + $1.count }
    let list =
      shown.map { "\($0.count): \($0.text)" } + (rest > 0 ? ["\(rest): other reasons"] : [])
    return "skipped \(counted)" + (reasons.count > 1 ? " (\(list.joined(separator: "; ")))" : "")
      + (count > 1 ? "; the first: " : ": ") + first.fault
  }

  mutating func add(_ error: DataError) {
    count += 1
    if examples.count < Self.mostExamples { examples.append(error) }
    add(Self.kind(error), 1)
  }

  mutating func add(_ other: SkippedRecords) {
    count += other.count
    examples += other.examples.prefix(Self.mostExamples - examples.count)
    for (reason, count) in other.reasons.dropLast(other.others > 0 ? 1 : 0) { add(reason, count) }
    others += other.others
  }

  private mutating func add(_ reason: String, _ count: Int) {
    if ofReason.count < Self.mostReasons || ofReason[reason] != nil {
      ofReason[reason, default: 0] += count
    } else {
      others += count
    }
  }

  /// Its reason without figures and quoted texts, at most `longestReason` characters.
  private static func kind(_ error: DataError) -> String {
    guard case .badRecord(_, _, _, let reason) = error else { return "\(error)" }
    var kind = ""
    var length = 0
    var isQuoted = false
    for character in reason {
      if character == "\"" { isQuoted.toggle() }
      let isLeftOut = character == "\"" || isQuoted || character.isNumber
      if !isLeftOut {
        kind.append(character)
        length += 1
      } else if kind.last != "…" {
        kind.append("…")
        length += 1
      }
      if length == longestReason { break }
    }
    return kind
  }
}
