public import Tokenization

/// The record formats read, told apart by their fields.
public enum DataFormat: String, Sendable, Codable {
  case completion = "prompt/completion"
  case messages
  case text
  case tokens = "input_ids"
  /// A file of plain text, cut into windows.
  case raw = "raw text"
}

/// One record of a data file, checked as far as that goes without a tokenizer.
public struct DataRecord: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    case completion(prompt: String, completion: String)
    case conversation(Conversation)
    case text(String)
    /// `labels` as Hugging Face has them: aligned with `ids`, -100 = no loss, shifted inside.
    case tokens(ids: [Int32], labels: [Int32]?)
    case raw(String)
  }

  public let content: Content
  /// Line of the file where the record begins, from 1.
  public let line: Int
}

/// The fields of a JSON object, to tell its format by.
struct RecordFields: Decodable {
  let names: Set<String>

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    names = Set(try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue))
  }

  /// The format these fields mean; nil when they fit none.
  var format: DataFormat? {
    if names.contains("input_ids") { return .tokens }
    if names.contains("messages") { return .messages }
    if names.isSuperset(of: ["prompt", "completion"]) { return .completion }
    if names.contains("text") { return .text }
    return nil
  }

  /// The name of a format people have that is not read yet.
  var unsupportedFormat: String? {
    if names.contains("conversations") { return #"in ShareGPT's format ("conversations")"# }
    if names.isSuperset(of: ["instruction", "output"]) {
      return #"in Alpaca's format ("instruction", "input", "output")"#
    }
    if names.isSuperset(of: ["prompt", "chosen", "rejected"]) {
      return #"preference data ("prompt", "chosen", "rejected")"#
    }
    return nil
  }
}

/// The typed face of each format; fields beyond these are ignored.
struct CompletionFields: Decodable {
  let prompt: String
  let completion: String
}

struct TextFields: Decodable { let text: String }

struct TokenFields: Decodable {
  let ids: [Int32]
  let labels: [Int32]?

  enum CodingKeys: String, CodingKey {
    case ids = "input_ids"
    case labels
  }
}
