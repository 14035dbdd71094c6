internal import Tokenization

/// Tells records that are the same, and records that are nearly the same.
///
/// Nearly: four of five of a record's runs of eight words are in the others, whatever case and
/// punctuation; of a shorter record all words. Keeps one hash of eight bytes a run.
struct RecordLikeness {
  private var exact: Set<Int> = []
  private var runs: Set<UInt64> = []
  private static let runLength = 8

  /// Adds a record; false when the same was there.
  mutating func add(_ record: DataRecord) -> Bool {
    let text = Self.text(record)
    guard exact.insert(text.hashValue).inserted else { return false }
    runs.formUnion(Self.runs(text))
    return true
  }

  enum Kind { case same, near, other }

  /// How a record that was not added stands to those that were.
  func kind(_ record: DataRecord) -> Kind {
    let text = Self.text(record)
    if exact.contains(text.hashValue) { return .same }
    let own = Self.runs(text)
    guard !own.isEmpty else { return .other }
    return own.count { runs.contains($0) } * 5 >= own.count * 4 ? .near : .other
  }

  private static func text(_ record: DataRecord) -> String {
    switch record.content {
    case .text(let text), .raw(let text): text
    case .tokens(let ids, _): ids.map { "\($0)" }.joined(separator: " ")
    case .completion(let prompt, let completion): prompt + "\n" + completion
    case .conversation(let conversation):
      conversation.messages.map { $0.role + ": " + $0.content }.joined(separator: "\n")
    }
  }

  /// Hashes of the runs of words (FNV-1a over lower-case letters and digits).
  private static func runs(_ text: String) -> [UInt64] {
    let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map { word in
      word.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
    guard !words.isEmpty else { return [] }
    let length = min(runLength, words.count)
    return (0...(words.count - length)).map { start in
      words[start..<start + length].reduce(UInt64(length)) { ($0 &* 0x100_0000_01b3) ^ $1 }
    }
  }
}
