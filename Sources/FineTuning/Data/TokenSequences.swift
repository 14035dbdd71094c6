internal import Tensors
public import Transformer

/// Token sequences of a data set. Small sets lie in memory, larger ones in an unnamed temporary file
/// that is mapped: of these only places and lengths are resident, and what is read at the moment.
///
/// A value reads like an array; each access copies its sequence out.
public struct TokenSequences: TokenSequenceList, Sendable {
  /// Where a sequence lies: its ids, and behind them as many targets.
  private struct Place {
    /// In 32-bit numbers.
    var offset: Int
    var count: Int32
    var targetCount: Int32
    var line: Int32
    var file: Int32
  }

  private var places: [Place] = []
  private var files: [MappedFile] = []

  /// Bytes of tokens that are kept in memory before a file takes them.
  static let memoryLimit = 4 << 20

  init() {}

  public var startIndex: Int { 0 }
  public var endIndex: Int { places.count }

  public subscript(index: Int) -> TokenSequence {
    let place = places[index]
    let file = files[Int(place.file)]
    let count = Int(place.count)
    let start = 4 * place.offset
    let values = file.integers(Int32.self, at: start, count: 2 * count)
    file.releasePages(start..<(start + 8 * count))
    return TokenSequence(ids: Array(values[..<count]), targets: Array(values[count...]))
  }

  /// Tokens of each sequence.
  public var lengths: [Int] { places.map { Int($0.count) } }
  /// Tokens in all sequences.
  public var tokenCount: Int { places.reduce(0) { $0 + Int($1.count) } }
  /// Tokens to predict in all sequences.
  public var targetCount: Int { places.reduce(0) { $0 + Int($1.targetCount) } }
  /// Line of its file where the record of each sequence begins.
  public var lines: [Int] { places.map { Int($0.line) } }

  /// The sequences `indices`, in that order; nothing is copied but their places.
  func choosing(_ indices: [Int]) -> TokenSequences {
    var chosen = self
    chosen.places = indices.map { places[$0] }
    return chosen
  }

  /// All of `parts`, one behind the other.
  init(joining parts: [TokenSequences]) {
    for part in parts {
      let first = Int32(files.count)
      files += part.files
      places += part.places.map { place in
        var place = place
        place.file += first
        return place
      }
    }
  }

  /// Takes sequences one by one.
  struct Writer: ~Copyable {
    private var sequences = TokenSequences()
    private var buffer: [Int32] = []
    private var file: TemporaryFile?
    private var written = 0

    init() {}

    mutating func append(_ sequence: TokenSequence, line: Int) throws(TensorError) {
      sequences.places.append(
        Place(
          offset: written + buffer.count, count: Int32(sequence.ids.count),
          targetCount: Int32(sequence.targetCount), line: Int32(clamping: line), file: 0))
      buffer += sequence.ids
      buffer += sequence.targets
      if buffer.count * 4 > TokenSequences.memoryLimit { try flush() }
    }

    private mutating func flush() throws(TensorError) {
      if file == nil { file = try TemporaryFile() }
      try file?.append(buffer[...])
      written += buffer.count
      buffer.removeAll(keepingCapacity: true)
    }

    consuming func finish() throws(TensorError) -> TokenSequences {
      guard !sequences.places.isEmpty else { return sequences }
      if file == nil {
        sequences.files = [try MappedFile(name: "data set", values: buffer)]
        return sequences
      }
      try flush()
      if let file = file.take(), let mapped = try file.mapped(path: "data set") {
        sequences.files = [mapped]
      }
      return sequences
    }
  }
}

/// What batches are made from: sequences by number, from 0, and how long each is.
public protocol TokenSequenceList: RandomAccessCollection
where Element == TokenSequence, Index == Int {
  /// Tokens of each sequence.
  var lengths: [Int] { get }
}

extension Array: TokenSequenceList where Element == TokenSequence {
  public var lengths: [Int] { map(\.ids.count) }
}
