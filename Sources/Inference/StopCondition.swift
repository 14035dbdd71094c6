/// Why generation ended.
public enum StopReason: String, Sendable, Codable {
  /// The model said so: an end-of-turn or end-of-text token.
  case endOfTurn = "end"
  /// One of the stop texts appeared.
  case stopText = "stop"
  /// The number of tokens asked for.
  case maxTokens = "length"
  /// No position is left in the context.
  case contextFull = "context"
}

/// Watches streamed text for stop texts, holding back what may turn out to be the beginning of one.
///
/// A stop text is found wherever it lies, across any cut of the stream; it and everything after it are dropped.
public struct StopCondition: Sendable {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  /// A stop text has appeared: nothing follows any more.
  public private(set) var isMet = false

  public init(_ stops: [String]) {
    self.stops = stops.filter { !$0.isEmpty }.map { Array($0.utf8) }
  }

  /// Takes the next text; returns what is certain to be output.
  public mutating func append(_ text: String) -> String {
    guard !isMet else { return "" }
    guard !stops.isEmpty else { return text }
    held += Array(text.utf8)
    if let end = stops.compactMap({ position(of: $0) }).min() {
      isMet = true
      held.removeSubrange(end...)
      return flush(held.count)
    }
    return flush(held.count - possibleStart())
  }

  /// What was held back and is output after all, since the text has ended.
  public mutating func finish() -> String { isMet ? "" : flush(held.count) }

  /// The first place of `stop` in the held bytes.
  private func position(of stop: [UInt8]) -> Int? {
    guard held.count >= stop.count else { return nil }
    return (0...held.count - stop.count).first { held[$0..<$0 + stop.count].elementsEqual(stop) }
  }

  /// Bytes at the end that are a beginning of some stop text.
  private func possibleStart() -> Int {
    let longest = stops.map(\.count).max() ?? 0
    return (1...max(min(longest, held.count), 1)).reversed().first { count in
      stops.contains { $0.starts(with: held.suffix(count)) } && count <= held.count
    } ?? 0
  }

  private mutating func flush(_ count: Int) -> String {
    defer { held.removeFirst(count) }
    return String(decoding: held.prefix(count), as: UTF8.self)
  }
}
