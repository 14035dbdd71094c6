public import Tensors
public import Transformer

/// Token sequences of a data set. Small sets lie in memory; tokens and places of larger ones lie in unnamed temporary files,
/// and only what is read at the moment is in memory.
///
/// A value reads like an array; each access copies its sequence out.
public struct TokenSequences: TokenSequenceList, Sendable {
  /// Where a sequence lies: its ids, and behind them as many targets.
  private struct Place: BitwiseCopyable {
    /// In 32-bit numbers.
    var offset: Int
    /// Of its ids.
    var hash: UInt64
    var count: Int32
    var targetCount: Int32
    var line: Int32
    var file: Int32
  }

  private let places: SpilledArray<Place>
  private let files: [SpilledArray<Int32>]
  /// Tokens of each sequence.
  public let lengths: SpilledArray<Int32>
  /// Tokens in all sequences.
  public let tokenCount: Int
  /// Tokens to predict in all sequences.
  public let targetCount: Int
  /// Tokens of the longest sequence.
  public let longest: Int

  /// Bytes for each sequence while the index lies in memory.
  static let bytesPerPlace = MemoryLayout<Place>.stride + MemoryLayout<Int32>.stride

  private init(_ places: consuming PlaceWriter, _ files: [SpilledArray<Int32>]) throws(TensorError)
  {
    tokenCount = places.tokenCount
    targetCount = places.targetCount
    longest = places.longest
    self.files = files
    (self.places, lengths) = try places.finish()
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { places.count }

  public subscript(index: Int) -> TokenSequence {
    let place = places[index]
    let count = Int(place.count)
    let values = files[Int(place.file)].values(place.offset..<(place.offset + 2 * count))
    return TokenSequence(ids: Array(values[..<count]), targets: Array(values[count...]))
  }

  /// Hashes of the ids of each sequence (FNV-1a over whole tokens).
  var hashes: some Sequence<UInt64> { places.lazy.map(\.hash) }

  /// Line of its file where the record of a sequence begins.
  public func line(_ index: Int) -> Int { Int(places[index].line) }

  /// The sequences `indices`, in that order; nothing is copied but their places.
  func choosing(_ indices: some Sequence<Int>) throws(TensorError) -> TokenSequences {
    var index = PlaceWriter()
    for chosen in indices { try index.append(places[chosen]) }
    return try TokenSequences(index, files)
  }

  /// The first `count` of them, or all. Throws `TensorError.cannotSpill` without room for a large index.
  public func first(_ count: Int) throws(TensorError) -> TokenSequences {
    count < self.count ? try choosing(0..<count) : self
  }

  /// All of `parts`, one behind the other. Throws `TensorError.cannotSpill` without room for a large index.
  public static func joining(_ parts: [TokenSequences]) throws(TensorError) -> TokenSequences {
    if parts.count == 1 { return parts[0] }
    var index = PlaceWriter()
    var files: [SpilledArray<Int32>] = []
    for part in parts {
      let first = Int32(files.count)
      files += part.files
      for var place in part.places {
        place.file += first
        try index.append(place)
      }
    }
    return try TokenSequences(index, files)
  }

  /// Places with what is known of all of them.
  private struct PlaceWriter: ~Copyable {
    private var places = SpilledArray<Place>.Writer()
    private var lengths = SpilledArray<Int32>.Writer()
    private(set) var tokenCount = 0
    private(set) var targetCount = 0
    private(set) var longest = 0

    mutating func append(_ place: Place) throws(TensorError) {
      try places.append(place)
      try lengths.append(place.count)
      tokenCount += Int(place.count)
      targetCount += Int(place.targetCount)
      longest = Swift.max(longest, Int(place.count))
    }

    consuming func finish() throws(TensorError) -> (SpilledArray<Place>, SpilledArray<Int32>) {
      let places = try places.finish()
      return (places, try lengths.finish())
    }
  }

  /// Takes sequences one by one.
  struct Writer: ~Copyable {
    private var index = PlaceWriter()
    private var tokens = SpilledArray<Int32>.Writer()

    init() {}

    mutating func append(_ sequence: TokenSequence, line: Int) throws(TensorError) {
      try index.append(
        Place(
          offset: tokens.count,
          hash: sequence.ids.reduce(0xcbf2_9ce4_8422_2325) {
            ($0 ^ UInt64(UInt32(bitPattern: $1))) &* 0x100_0000_01b3
          }, count: Int32(sequence.ids.count),
          targetCount: Int32(sequence.targetCount), line: Int32(clamping: line), file: 0))
      try tokens.append(contentsOf: sequence.ids)
      try tokens.append(contentsOf: sequence.targets)
    }

    consuming func finish() throws(TensorError) -> TokenSequences {
      try TokenSequences(index, [try tokens.finish()])
    }
  }
}

/// What batches are made from: sequences by number, from 0, and how long each is.
public protocol TokenSequenceList: RandomAccessCollection
where Element == TokenSequence, Index == Int {
  /// Tokens of each sequence.
  var lengths: SpilledArray<Int32> { get }
}

extension Array: TokenSequenceList where Element == TokenSequence {
  public var lengths: SpilledArray<Int32> { SpilledArray(map { Int32($0.ids.count) }) }
}
