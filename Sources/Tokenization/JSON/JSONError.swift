/// Why a text is no JSON.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Bytes of the text before the fault.
  public var offset: Int
  /// What is wrong there, in plain words.
  public var reason: String

  public var description: String { "byte \(offset): \(reason)" }
}
