import Foundation

/// The JSON object at the beginning of a safetensors file: `{name: {"dtype", "shape", "data_offsets"}, …}`, and
/// `"__metadata__"`, an object of strings.
struct SafetensorsHeader {
  /// One tensor as the header describes it, not yet checked.
  struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    /// First byte and end, from the beginning of the data.
    let offsets: [Int]

    private enum CodingKeys: String, CodingKey {
      case dtype
      case shape
      case offsets = "data_offsets"
    }
  }

  /// At most as many bytes of header, as in the reference implementation.
  static let limit = 100_000_000
  static let metadataKey = "__metadata__"

  let entries: [String: Entry]
  let metadata: [String: String]

  init(entries: [String: Entry], metadata: [String: String]) {
    self.entries = entries
    self.metadata = metadata
  }

  // MARK: - Reading

  init(_ bytes: [UInt8], path: String) throws(SafetensorsError) {
    guard bytes.first == UInt8(ascii: "{") else {
      throw .invalidHeader(path: path, reason: "it does not begin with {")
    }
    let members: [String: Member]
    do {
      members = try JSONDecoder().decode([String: Member].self, from: Data(bytes))
    } catch {
      throw .invalidHeader(path: path, reason: SafetensorsHeader.reason(error))
    }
    // The decoder keeps one of several members of the same name, so that names are counted in the text.
    let names = SafetensorsHeader.names(bytes)
    guard names.count == members.count else {
      var seen = Set<String>()
      let twice = names.first { !seen.insert($0).inserted }
      throw .duplicateName(path: path, name: twice ?? "of unknown name")
    }
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    for (name, member) in members {
      switch member {
      case .entry(let entry) where name != SafetensorsHeader.metadataKey: entries[name] = entry
      case .texts(let texts) where name == SafetensorsHeader.metadataKey: metadata = texts
      default:
        throw .invalidHeader(path: path, reason: "the entry \(name) is of the wrong kind")
      }
    }
    self.init(entries: entries, metadata: metadata)
  }

  private enum Member: Decodable {
    case entry(Entry)
    case texts([String: String])

    init(from decoder: any Decoder) throws {
      // A tensor is an object of several kinds of values, metadata are strings only.
      let container = try decoder.singleValueContainer()
      if let texts = try? container.decode([String: String].self) {
        self = .texts(texts)
      } else {
        self = .entry(try container.decode(Entry.self))
      }
    }
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "it is not JSON" }
    func place(_ context: DecodingError.Context) -> String {
      context.codingPath.isEmpty
        ? "" : " at " + context.codingPath.map(\.stringValue).joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context): return "\(key.stringValue) is missing\(place(context))"
    case .typeMismatch(_, let context): return "a value of another kind is needed\(place(context))"
    case .valueNotFound(_, let context): return "a value is missing\(place(context))"
    case .dataCorrupted(let context): return "it is not JSON of the right kind\(place(context))"
    @unknown default: return "it is not JSON of the right kind"
    }
  }

  /// The names of the outermost object's members, as written, in text that is known to be valid JSON.
  private static func names(_ bytes: [UInt8]) -> [String] {
    var names: [String] = []
    var depth = 0
    var text: Range<Int>?
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "\""):
        let start = index + 1
        index = start
        while index < bytes.count && bytes[index] != UInt8(ascii: "\"") {
          index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        text = start..<max(start, min(index, bytes.count))
      case UInt8(ascii: ":") where depth == 1:
        if let text { names.append(String(decoding: bytes[text], as: UTF8.self)) }
      default: break
      }
      index += 1
    }
    return names
  }

  // MARK: - Writing

  /// Length (u64) and JSON, tensors in the order of their data and with the members of each as the reference implementation
  /// writes them, padded with spaces so that data begin on a multiple of 8.
  func bytes() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text(_ value: some Encodable) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var members: [String] = []
    if !metadata.isEmpty { members.append("\"\(Self.metadataKey)\":\(try text(metadata))") }
    let ordered = entries.sorted {
      ($0.value.offsets[0], $0.value.offsets[1], $0.key)
        < ($1.value.offsets[0], $1.value.offsets[1], $1.key)
    }
    for (name, entry) in ordered {
      let (shape, offsets) = (try text(entry.shape), try text(entry.offsets))
      members.append(
        "\(try text(name)):{\"dtype\":\(try text(entry.dtype)),\"shape\":\(shape),"
          + "\"data_offsets\":\(offsets)}")
    }
    var json = Array("{\(members.joined(separator: ","))}".utf8)
    json += repeatElement(UInt8(ascii: " "), count: padded(json.count, 8) - json.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> ($0 * 8)) } + json
  }
}
