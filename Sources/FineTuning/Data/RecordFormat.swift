internal import Tokenization

/// Tells a record's format by its fields.
///
/// The sets of fields are those of OpenAI and TRL (`messages`, `prompt`/`completion`), ShareGPT
/// (`conversations`), Alpaca (`instruction`, `input`, `output`) and Hugging Face's tokenized data
/// (`input_ids`, `labels`). Preference data are known in order to be refused by name: learning the
/// rejected answer is not what anyone means.
enum RecordFormat {
  case known(DataFormat)
  /// A format people have that is not read, by name.
  case unsupported(String)
  case unknown(fields: [String])

  init(_ members: [JSONValue.Member]) {
    let names = Set(members.map(\.key))
    func has(_ wanted: String...) -> Bool { names.isSuperset(of: wanted) }
    if has("input_ids") {
      self = .known(.tokens)
    } else if has("chosen", "rejected") {
      self = .unsupported(#"preference data ("chosen", "rejected")"#)
    } else if Self.isJudged(members) {
      self = .unsupported(#"preference data ("completion" with a "label" of true or false)"#)
    } else if has("messages") {
      self = .known(.messages)
    } else if has("conversations") {
      self = .known(.shareGPT)
    } else if has("prompt", "completion") {
      self = .known(.completion)
    } else if has("instruction", "output") {
      self = .known(.alpaca)
    } else if has("text") {
      self = .known(.text)
    } else {
      self = .unknown(fields: names.sorted())
    }
  }

  /// The format of a value; nil unless it is an object of a known one.
  init?(known value: JSONValue) {
    guard let members = value.members else { return nil }
    self = RecordFormat(members)
    if case .unknown = self { return nil }
  }

  /// KTO's data: an answer with a judgement.
  private static func isJudged(_ members: [JSONValue.Member]) -> Bool {
    let names = members.map(\.key)
    guard names.contains("completion") else { return false }
    return members.contains { member in
      if case ("label", .bool) = (member.key, member.value) { true } else { false }
    }
  }

  /// What to rename where a pair of fields is nearly a format: a sentence's end. Nil for others.
  static func renaming(_ fields: [String]) -> String? {
    let pairs = [
      ("question", "answer"), ("prompt", "response"), ("query", "response"), ("input", "output"),
      ("question", "response"), ("instruction", "response"), ("instruction", "completion"),
      ("prompt", "output"), ("prompt", "answer"), ("source", "target"),
    ]
    guard let pair = pairs.first(where: { fields.contains($0.0) && fields.contains($0.1) }) else {
      return nil
    }
    let renames = [(pair.0, "prompt"), (pair.1, "completion")].filter { $0.0 != $0.1 }
    return "rename " + renames.map { "\"\($0.0)\" to \"\($0.1)\"" }.joined(separator: " and ")
  }
}
