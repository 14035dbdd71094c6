/// A set of Unicode scalars, as ranges in rising order that do not touch.
///
/// What a pattern's `[…]` stands for. Used while a tokenizer is loaded; text is matched with
/// `ScalarClasses`.
struct ScalarSet: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>]

  private static let last: UInt32 = 0x10ffff

  private init(sorted ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }

  /// Any ranges, in any order.
  init(_ ranges: [ClosedRange<UInt32>]) {
    self.ranges = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) { append(range) }
  }

  /// Adds a range that begins no earlier than those that are there.
  private mutating func append(_ range: ClosedRange<UInt32>) {
    if let previous = ranges.last, range.lowerBound <= previous.upperBound + 1 {
      let end = max(previous.upperBound, range.upperBound)
      ranges[ranges.count - 1] = previous.lowerBound...end
    } else {
      ranges.append(range)
    }
  }

  /// Some of it tells most sets apart, in a fraction of the time.
  func hash(into hasher: inout Hasher) {
    hasher.combine(ranges.count)
    hasher.combine(ranges.first)
    hasher.combine(ranges.last)
  }

  /// The characters of a text; one between two others with a hyphen stands for a range ("a-z").
  /// A hyphen at either end stands for itself.
  init(_ text: String) {
    let scalars = text.unicodeScalars.map(\.value)
    var ranges: [ClosedRange<UInt32>] = []
    var index = 0
    while index < scalars.count {
      if index + 2 < scalars.count, scalars[index + 1] == 0x2d {
        ranges.append(scalars[index]...scalars[index + 2])
        index += 3
      } else {
        ranges.append(scalars[index]...scalars[index])
        index += 1
      }
    }
    self.init(ranges)
  }

  /// A group of `UnicodeCategories`.
  private init(group: UInt32) {
    let starts = UnicodeCategories.starts
    var ranges: [ClosedRange<UInt32>] = []
    for index in starts.indices where starts[index] & 7 == group {
      let end = index + 1 < starts.count ? starts[index + 1] >> 3 - 1 : Self.last
      ranges.append((starts[index] >> 3)...end)
    }
    self.init(sorted: ranges)
  }

  // MARK: - Algebra

  static func + (a: ScalarSet, b: ScalarSet) -> ScalarSet {
    var sum = ScalarSet(sorted: [])
    var (left, right) = (a.ranges[...], b.ranges[...])
    while let first = left.first, let second = right.first {
      sum.append(first.lowerBound < second.lowerBound ? left.removeFirst() : right.removeFirst())
    }
    for range in left + right { sum.append(range) }
    return sum
  }

  static func - (a: ScalarSet, b: ScalarSet) -> ScalarSet { !(!a + b) }

  /// Every scalar that is not in the set.
  static prefix func ! (set: ScalarSet) -> ScalarSet {
    var ranges: [ClosedRange<UInt32>] = []
    var start: UInt32 = 0
    for range in set.ranges {
      if start < range.lowerBound { ranges.append(start...(range.lowerBound - 1)) }
      start = range.upperBound + 1
    }
    if start <= last { ranges.append(start...last) }
    return ScalarSet(sorted: ranges)
  }

  // MARK: - Sets that patterns name

  /// `\p{L}`
  static let letters = ScalarSet(group: 1)
  /// `\p{M}`
  static let marks = ScalarSet(group: 2)
  /// `\p{N}`
  static let numbers = ScalarSet(group: 3)
  /// `\p{P}`
  static let punctuation = ScalarSet(group: 4)
  /// `\p{S}`
  static let symbols = ScalarSet(group: 5)
  /// `\s`: Unicode's White_Space.
  static let whitespace = ScalarSet([
    0x09...0x0d, 0x20...0x20, 0x85...0x85, 0xa0...0xa0, 0x1680...0x1680, 0x2000...0x200a,
    0x2028...0x2029, 0x202f...0x202f, 0x205f...0x205f, 0x3000...0x3000,
  ])
  static let space = ScalarSet(" ")
  static let newlines = ScalarSet("\r\n")
  static let latinCapitals = ScalarSet("A-Z")
  static let latinSmalls = ScalarSet("a-z")
  static let latinLetters = latinCapitals + latinSmalls
  static let digits = ScalarSet("0-9")
}
