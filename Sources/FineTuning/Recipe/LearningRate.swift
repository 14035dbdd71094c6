internal import Yams

/// The value of `lr`: a number, or a search before the first step.
public enum LearningRate: Sendable, Hashable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral
{
  case fixed(Float)
  /// Short trials choose it (`RateSearch`).
  case automatic

  public init(floatLiteral value: Float) { self = .fixed(value) }
  public init(integerLiteral value: Int) { self = .fixed(Float(value)) }

  /// nil for a rate that is to be found.
  public var value: Float? { if case .fixed(let value) = self { value } else { nil } }

  /// What a rate to be found begins with, and is without steps.
  static let usual: Float = 1e-3
}

extension LearningRate: SettingValue {
  static let expected = "a positive number, or auto"
  static func read(_ node: Node) -> LearningRate? {
    node.scalar?.string.lowercased() == "auto" ? .automatic : Float.read(node).map { .fixed($0) }
  }
  var node: Node { value?.node ?? "auto".node }
}

extension LearningRate: CustomStringConvertible {
  public var description: String { value.map { "\($0)" } ?? "auto" }
}
