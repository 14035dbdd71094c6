/// What there is to say about a GGUF file: data only, which a command prints or writes as JSON.
public struct GGUFSummary: Sendable, Equatable, Codable {
  /// How much of the file one tensor type takes.
  public struct Format: Sendable, Equatable, Codable {
    public let name: String
    public let tensors: Int
    public let values: Int
    public let bytes: Int
  }

  /// A metadata entry; long texts and arrays are abbreviated.
  public struct Entry: Sendable, Equatable, Codable {
    public let key: String
    /// `uint32`, `string`, `array of float32`…
    public let type: String
    public let value: String
  }

  /// A row of the tensor table.
  public struct Tensor: Sendable, Equatable, Codable {
    public let name: String
    /// GGUF's order: the first is the length of a row.
    public let dimensions: [Int]
    public let type: String
    public let bytes: Int
    /// From the beginning of its part.
    public let offset: Int
    /// From 1; see `parts`.
    public let part: Int
    /// Whether Scion computes with the type.
    public let isSupported: Bool
  }

  public let path: String
  /// Files that the model is split over; 1 for a whole one.
  public let parts: Int
  public let version: Int
  /// Of all parts.
  public let fileBytes: Int
  public let alignment: Int
  /// `general.architecture`.
  public let architecture: String?
  /// `general.name`.
  public let name: String?
  /// Values in all tensors.
  public let parameters: Int
  /// The type that takes most bytes first.
  public let formats: [Format]
  public let metadata: [Entry]
  public let tensors: [Tensor]

  /// `elements` of an array and `characters` of a text are shown before they are abbreviated.
  public init(_ file: GGUFFile, elements: Int = 6, characters: Int = 72) {
    path = file.path
    parts = file.files.count
    version = Int(file.version)
    fileBytes = file.byteCount
    alignment = file.alignment
    architecture = file.metadata.string("general.architecture")
    name = file.metadata.string("general.name")
    parameters = file.tensors.reduce(0) { $0 + $1.elementCount }
    formats = Dictionary(grouping: file.tensors, by: \.typeName)
      .map { name, tensors in
        Format(
          name: name, tensors: tensors.count,
          values: tensors.reduce(0) { $0 + $1.elementCount },
          bytes: tensors.reduce(0) { $0 + $1.byteCount })
      }
      .sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
    metadata = file.metadata.keys.compactMap { key in
      file.metadata[key].map { value in
        Entry(
          key: key, type: GGUFSummary.type(value),
          value: GGUFSummary.text(value, elements: elements, characters: characters))
      }
    }
    tensors = file.tensors.map {
      Tensor(
        name: $0.name, dimensions: $0.dimensions, type: $0.typeName, bytes: $0.byteCount,
        offset: $0.offset, part: $0.part + 1, isSupported: $0.format != nil)
    }
  }

  // MARK: - Values as text

  private static func type(_ value: GGUFValue) -> String {
    if case .array(let array) = value { "array of \(array.elementType)" } else { "\(value.type)" }
  }

  /// A value on one line for a message.
  static func shortText(_ value: GGUFValue) -> String { text(value, elements: 8, characters: 40) }

  private static func text(_ value: GGUFValue, elements: Int, characters: Int) -> String {
    switch value {
    case .uint8(let value): "\(value)"
    case .int8(let value): "\(value)"
    case .uint16(let value): "\(value)"
    case .int16(let value): "\(value)"
    case .uint32(let value): "\(value)"
    case .int32(let value): "\(value)"
    case .uint64(let value): "\(value)"
    case .int64(let value): "\(value)"
    case .float32(let value): "\(value)"
    case .float64(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .string(let value): quoted(value, characters)
    case .array(let value): text(value, elements: elements, characters: characters)
    }
  }

  private static func text(_ array: GGUFArray, elements: Int, characters: Int) -> String {
    func list<T>(_ values: [T], _ text: (T) -> String) -> String {
      let shown = values.prefix(elements).map(text).joined(separator: ", ")
      return values.count > elements ? "[\(shown), …] (\(values.count))" : "[\(shown)]"
    }
    return switch array {
    case .uint8(let values): list(values) { "\($0)" }
    case .int8(let values): list(values) { "\($0)" }
    case .uint16(let values): list(values) { "\($0)" }
    case .int16(let values): list(values) { "\($0)" }
    case .uint32(let values): list(values) { "\($0)" }
    case .int32(let values): list(values) { "\($0)" }
    case .uint64(let values): list(values) { "\($0)" }
    case .int64(let values): list(values) { "\($0)" }
    case .float32(let values): list(values) { "\($0)" }
    case .float64(let values): list(values) { "\($0)" }
    case .bool(let values): list(values) { "\($0)" }
    case .string(let values): list(values) { quoted($0, 24) }
    case .array(let values):
      list(values) { text($0, elements: elements, characters: characters) }
    }
  }

  /// One line in quotes; control characters, which could steer a terminal, as escapes.
  private static func quoted(_ text: String, _ limit: Int) -> String {
    var result = "\""
    var scalars = text.unicodeScalars.makeIterator()
    var count = 0
    while count < limit, let scalar = scalars.next() {
      switch scalar {
      case "\"", "\\", "\n", "\t", "\r": result += scalar.escaped(asASCII: false)
      default:
        let isControl =
          scalar.properties.generalCategory == .control
          || scalar.properties.generalCategory == .format
        result += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
      }
      count += 1
    }
    return scalars.next() == nil ? result + "\"" : result + "…\""
  }
}
