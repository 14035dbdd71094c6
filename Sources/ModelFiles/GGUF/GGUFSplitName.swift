/// The name of one part of a split model, `model-00002-of-00003.gguf`: how the other parts are found.
///
/// Convention: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, "Split model"; llama.cpp's
/// `llama_split_path`. Parts count from 1 in names and from 0 in metadata (`split.no`).
public struct GGUFSplitName: Sendable, Equatable {
  /// What all parts share: the path up to the last `-00001-of-`.
  public let prefix: String
  /// From 0.
  public let index: Int
  public let count: Int

  /// Nil when `path` does not end like a part's, or says that it is part 0 or beyond the last.
  public init?(path: String) {
    // "-00002-of-00003.gguf" has 20 characters.
    let bytes = Array(path.utf8)
    guard bytes.count > 20 else { return nil }
    let tail = Array(bytes.suffix(20))
    guard tail[0] == UInt8(ascii: "-"), tail[6...9].elementsEqual("-of-".utf8),
      tail[15...].elementsEqual(".gguf".utf8),
      let number = Self.number(tail[1...5]), let count = Self.number(tail[10...14]),
      number >= 1, number <= count
    else { return nil }
    prefix = String(decoding: bytes.dropLast(20), as: UTF8.self)
    index = number - 1
    self.count = count
  }

  /// Of part `index`, which counts from 0.
  public func path(of index: Int) -> String {
    "\(prefix)-\(Self.text(index + 1))-of-\(Self.text(count)).gguf"
  }

  /// Of all parts, in order.
  public var paths: [String] { (0..<count).map(path(of:)) }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return value
  }

  private static func text(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}
