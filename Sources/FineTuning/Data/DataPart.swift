internal import Foundation

/// One value of `--data`: what to read and how much of it, `chats.jsonl:0.3`.
public struct DataPart: Sendable, Equatable {
  /// A file, a folder, or `-` for the standard input.
  public let path: String
  /// 1: everything once. Less: that share of the sequences, a seeded choice. More: everything so
  /// many times (of a rest, a share once more).
  public let weight: Double

  public init(path: String, weight: Double = 1) {
    self.path = path
    self.weight = weight
  }

  /// Reads a value as it is typed. A path that exists is taken as it stands, whatever is in it;
  /// otherwise a number behind the last colon is a weight. Throws `badWeight`.
  public init(_ text: String) throws(DataError) {
    guard !FileManager.default.fileExists(atPath: text),
      let colon = text.lastIndex(of: ":"), colon > text.startIndex,
      let weight = Double(text[text.index(after: colon)...])
    else {
      self.init(path: text)
      return
    }
    guard weight > 0, weight <= 1000 else { throw .badWeight(text: text) }
    self.init(path: String(text[..<colon]), weight: weight)
  }
}
