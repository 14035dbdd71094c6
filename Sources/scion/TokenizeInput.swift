import Foundation

/// What `scion tokenize` reads: a text, numbers, or many of either, from the command line, a file
/// or stdin.
struct TokenizeInput {
  /// What is wrong with an input; `source` says which one.
  enum Failure: Error, Equatable, CustomStringConvertible {
    case cannotRead(source: String, reason: String)
    /// The first byte that is not UTF-8.
    case notText(source: String, offset: Int)
    case notString(source: String, line: Int)
    case notNumber(source: String, text: String)
    case outsideVocabulary(source: String, text: String, size: Int)
    /// The bytes of tokens that `--lines` cannot write as a string.
    case bytesNoText(source: String, line: Int)

    var description: String {
      switch self {
      case .cannotRead(let source, let reason): "cannot read \(source): \(reason); give a text file"
      case .notText(let source, let offset):
        "\(source) is not UTF-8 at byte \(offset): convert it to UTF-8"
      case .notString(let source, let line):
        "\(source):\(line) is not a JSON string: --lines takes one a line, such as \"hello\""
      case .notNumber(let source, let text):
        "\(source): \"\(text)\" is not a token: give numbers with spaces or commas between"
      case .outsideVocabulary(let source, let text, let size):
        "\(source): token \(text) is outside the vocabulary (0..<\(size)): take another model"
      case .bytesNoText(let source, let line):
        "\(source):\(line): the bytes of these tokens are not UTF-8: decode them without --lines"
      }
    }
  }

  struct Line {
    let text: Substring
    /// From 1 on.
    let number: Int
  }

  private let bytes: Data
  private let source: String

  /// Reads `prompt`, or the file, or stdin to its end. Throws `Failure.cannotRead`.
  init(prompt: String?, file: String?) throws(Failure) {
    if let prompt {
      bytes = Data(prompt.utf8)
      source = "-p"
      return
    }
    source = file ?? "stdin"
    do {
      // Pipes and devices are files too: -f /dev/stdin, -f <(…).
      let handle =
        try file.map { try FileHandle(forReadingFrom: URL(fileURLWithPath: $0)) } ?? .standardInput
      bytes = try handle.readToEnd() ?? Data()
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      var words = (cause ?? error as NSError).localizedDescription.split(separator: ". ").last ?? ""
      if words.hasSuffix(".") { words.removeLast() }
      throw .cannotRead(source: source, reason: words.prefix(1).lowercased() + words.dropFirst())
    }
  }

  /// All of it, unchanged.
  func text() throws(Failure) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      offset += String(scalar).utf8.count
    }
    throw .notText(source: source, offset: offset)
  }

  /// The lines that are not empty.
  func lines() throws(Failure) -> [Line] {
    try text().split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .filter { !$1.isEmpty }.map { Line(text: $1, number: $0 + 1) }
  }

  /// The JSON string of a line.
  func string(_ line: Line) throws(Failure) -> String {
    do { return try JSONDecoder().decode(String.self, from: Data(line.text.utf8)) } catch {
      throw .notString(source: source, line: line.number)
    }
  }

  /// The numbers in a text, each a token of a vocabulary of this size.
  func ids(_ text: Substring, below size: Int) throws(Failure) -> [Int32] {
    var ids: [Int32] = []
    for item in text.utf8.split(whereSeparator: { Self.separators.contains($0) }) {
      let item = String(Substring(item))
      guard item.utf8.allSatisfy({ 48...57 ~= $0 || $0 == 45 }) else {
        throw .notNumber(source: source, text: String(item.prefix(40)))
      }
      guard let id = Int32(item), id >= 0, Int(id) < size else {
        throw .outsideVocabulary(source: source, text: String(item.prefix(40)), size: size)
      }
      ids.append(id)
    }
    return ids
  }

  /// The text that the bytes of a line's tokens are.
  func text(of bytes: [UInt8], line: Int) throws(Failure) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .bytesNoText(source: source, line: line)
    }
    return text
  }

  private static let separators = Set(" \t\r\n,[]".utf8)
}
