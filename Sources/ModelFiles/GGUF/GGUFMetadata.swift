/// The metadata of a GGUF file: keys in file order, each with a typed value.
///
/// The typed getters return nil when the key is absent or of another kind; integers are accepted in any width.
public struct GGUFMetadata: Sendable, Equatable {
  /// In the order of the file; new keys come last.
  public private(set) var keys: [String] = []
  private var values: [String: GGUFValue] = [:]

  public init() {}

  /// The value of `key`.
  public subscript(key: String) -> GGUFValue? { values[key] }

  /// Number of entries.
  public var count: Int { keys.count }

  public func string(_ key: String) -> String? {
    if case .string(let value)? = values[key] { value } else { nil }
  }

  public func int(_ key: String) -> Int? { values[key]?.integer }

  /// Integers are accepted too.
  public func float(_ key: String) -> Float? { values[key]?.float }

  public func bool(_ key: String) -> Bool? {
    if case .bool(let value)? = values[key] { value } else { nil }
  }

  public func strings(_ key: String) -> [String]? {
    if case .array(.string(let values))? = values[key] { values } else { nil }
  }

  public func ints(_ key: String) -> [Int]? {
    if case .array(let array)? = values[key] { array.integers } else { nil }
  }

  /// Integers are accepted too.
  public func floats(_ key: String) -> [Float]? {
    if case .array(let array)? = values[key] { array.floats } else { nil }
  }

  /// Replaces the value in its place, or appends a new entry.
  public mutating func set(_ key: String, _ value: GGUFValue) {
    if values.updateValue(value, forKey: key) == nil { keys.append(key) }
  }

  /// Removes the entry when there is one. Linear in the number of keys.
  public mutating func remove(_ key: String) {
    if values.removeValue(forKey: key) != nil { keys.removeAll { $0 == key } }
  }
}
