internal import Foundation

/// A JSON value that can be compared: objects are equal whatever the order of their keys, numbers by value.
enum JSONValue: Sendable, Equatable, Decodable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// The object that is the whole of `text`, or nil.
  static func object(_ text: String) -> [String: JSONValue]? {
    guard text.hasPrefix("{"),
      case .object(let object)? = try? JSONDecoder().decode(
        JSONValue.self, from: Data(text.utf8))
    else { return nil }
    return object
  }

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let string = try? value.decode(String.self) {
      self = .string(string)
    } else if let array = try? value.decode([JSONValue].self) {
      self = .array(array)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }
}
