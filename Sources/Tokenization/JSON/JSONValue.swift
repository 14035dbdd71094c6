/// A JSON text's value with everything kept that a chat template can see: the order of keys,
/// repeated keys, `2` apart from `2.0`, and integers of any length.
public enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// An integer beyond 64 bits: its sign and digits, without leading zeros.
  case bigInteger(String)
  /// A number written with a point or an exponent.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// One key of an object with its value.
  public struct Member: Equatable, Sendable {
    public var key: String
    public var value: JSONValue

    public init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// Parses one JSON text (RFC 8259). What the grammar does not allow is refused, `NaN` and
  /// `Infinity` too. Throws the first error with its byte offset.
  public init(parsing bytes: some Collection<UInt8>, depthLimit: Int = 128) throws(JSONError) {
    var parser = JSONParser(bytes: Array(bytes), depthLimit: depthLimit)
    self = try parser.parse()
  }

  /// Parses the UTF-8 bytes of `text`.
  public init(parsing text: String, depthLimit: Int = 128) throws(JSONError) {
    try self.init(parsing: text.utf8, depthLimit: depthLimit)
  }

  /// The value of the last member with this key, as most readers take it; nil when there is none or
  /// this is no object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  /// The first key that an object in this value holds twice, nil when there is none. RFC 8259
  /// leaves open what such an object means.
  public var repeatedKey: String? {
    switch self {
    case .array(let items):
      for item in items {
        if let key = item.repeatedKey { return key }
      }
    case .object(let members):
      var seen: Set<[UInt8]> = []
      for member in members {
        guard seen.insert(Array(member.key.utf8)).inserted else { return member.key }
        if let key = member.value.repeatedKey { return key }
      }
    default: break
    }
    return nil
  }
}
