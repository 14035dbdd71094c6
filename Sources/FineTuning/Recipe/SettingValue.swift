internal import Foundation
internal import Yams

/// A type of settings' values: how one is written in YAML, and on a command line, which is the
/// same text.
protocol SettingValue: Sendable, Equatable {
  /// What such a value is called in an error.
  static var expected: String { get }
  /// nil when `node` is no such value.
  static func read(_ node: Node) -> Self?
  /// The value in YAML.
  var node: Node { get }
}

extension Node {
  /// YAML's null in plain style: a key without a value.
  var isNull: Bool {
    guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else {
      return false
    }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  static var null: Node { Node("null", Tag(.null)) }
}

// MARK: - Numbers

extension Int: SettingValue {
  static let expected = "a whole number"
  static func read(_ node: Node) -> Int? { node.scalar.flatMap(Int.construct) }
  var node: Node { Node("\(self)", Tag(.int)) }
}

extension UInt64: SettingValue {
  static let expected = "a whole number of 0 or more"
  static func read(_ node: Node) -> UInt64? { node.scalar.flatMap(UInt64.construct) }
  var node: Node { Node("\(self)", Tag(.int)) }
}

extension Float: SettingValue {
  static let expected = "a number"
  /// Also `1e-3` and `5`, which are no floats in YAML's eyes.
  static func read(_ node: Node) -> Float? {
    node.scalar.flatMap { Float($0.string) ?? Float.construct(from: $0) }
  }
  /// The shortest decimal that means it, a whole one as an integer: people read this file.
  var node: Node {
    if let whole = Int(exactly: self) { return whole.node }
    return Node("\(self)", Tag(.float))
  }
}

extension ByteSize: SettingValue {
  static let expected = "a size like 160M, 2G or 1.5GiB"
  static func read(_ node: Node) -> ByteSize? { node.scalar.flatMap { ByteSize($0.string) } }
  var node: Node { description.node }
}

// MARK: - Words

extension Bool: SettingValue {
  static let expected = "true or false"
  static func read(_ node: Node) -> Bool? { node.scalar.flatMap(Bool.construct) }
  var node: Node { Node(self ? "true" : "false", Tag(.bool)) }
}

extension String: SettingValue {
  static let expected = "a text"
  static func read(_ node: Node) -> String? { node.scalar?.string }
  /// Quoted where it would read as a number, a truth value or nothing.
  var node: Node { .scalar(represented()) }
}

// MARK: - Several, or none

extension Optional: SettingValue where Wrapped: SettingValue {
  static var expected: String { Wrapped.expected }
  static func read(_ node: Node) -> Wrapped?? { Wrapped.read(node).map { .some($0) } }
  /// None is written as null, so that the file shows every key there is.
  var node: Node { self?.node ?? .null }
}

extension Array: SettingValue where Element: SettingValue {
  static var expected: String { "\(Element.expected), or several" }
  /// A YAML list; or one value; or, where that is none, values with commas between.
  static func read(_ node: Node) -> [Element]? {
    if let sequence = node.sequence {
      let values = sequence.map(Element.read)
      return values.contains(nil) ? nil : values.compactMap(\.self)
    }
    guard let text = node.scalar?.string else { return nil }
    if let one = Element.read(node) { return [one] }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
      .map { Element.read(Node($0.trimmingCharacters(in: .whitespaces))) }
    return parts.contains(nil) ? nil : parts.compactMap(\.self)
  }
  var node: Node { Node(map(\.node)) }
}
