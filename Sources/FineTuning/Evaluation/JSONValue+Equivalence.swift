internal import Tokenization

/// Comparing answers that are JSON.
extension JSONValue {
  /// Whether two values mean the same: objects whatever the order of their keys (of a repeated key the last counts),
  /// numbers by value.
  func isEquivalent(to other: JSONValue) -> Bool {
    switch (self, other) {
    case (.array(let left), .array(let right)):
      return left.count == right.count
        && zip(left, right).allSatisfy { $0.isEquivalent(to: $1) }
    case (.object(let left), .object(let right)):
      let keys = Set(left.map(\.key))
      return keys == Set(right.map(\.key))
        && keys.allSatisfy { key in
          guard let one = self[key], let two = other[key] else { return false }
          return one.isEquivalent(to: two)
        }
    default:
      if let left = double, let right = other.double { return left == right }
      return self == other
    }
  }

  /// The object that is the whole of `text`, or nil.
  static func object(in text: String) -> JSONValue? {
    guard let value = try? JSONValue(parsing: text), value.members != nil else { return nil }
    return value
  }
}
