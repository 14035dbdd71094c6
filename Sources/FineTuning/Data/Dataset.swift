public import Tensors
internal import Tokenization

/// Token sequences ready for training or evaluation, with where they came from.
public struct Dataset: Sendable {
  /// A file that went in, as a recipe records it.
  public struct Source: Sendable, Equatable, Codable {
    public let path: String
    /// As `sha256sum` prints it.
    public let sha256: String

    public init(path: String, sha256: String) {
      self.path = path
      self.sha256 = sha256
    }
  }

  public let sequences: TokenSequences
  /// Of the first file.
  public let format: DataFormat
  public let sources: [Source]
  /// Records read, the skipped ones not counted.
  public let recordCount: Int
  /// Bad records left out, with their reasons.
  public let skipped: SkippedRecords
  /// Records whose end was cut off at the sequence length.
  public let truncatedCount: Int
  /// Records that had no target (within the sequence length).
  public let droppedCount: Int
  /// What is to be said of the files, in sentences.
  private let fileNotices: [String]
  /// What the chat template did to the records, in sentences.
  private let templateNotices: [String]
  /// Ends that records spell themselves.
  private let ends: SpelledEnds

  /// Reads and tokenizes `paths`, each of a format of its own. Throws the first thing wrong; under
  /// `skipBad`, bad records are counted in `skipped` instead.
  public init(
    paths: [String], builder: SequenceBuilder, skipBad: Bool = false
  ) throws(DataError) {
    precondition(!paths.isEmpty)
    var sequences = TokenSequences.Writer()
    var sources: [Source] = []
    var skipped = SkippedRecords()
    var (records, truncated, dropped) = (0, 0, 0)
    var format: DataFormat?
    var fileNotices: [String] = []
    var conversations: ConversationNotices?
    var ends = SpelledEnds()
    for path in paths {
      var file = try DataReader(path: path, skipBad: skipBad)
      var batch = RecordBatch()
      while true {
        let failure = batch.fill(&file)
        skipped.add(file.takeSkipped())
        for (line, encoded) in batch.encode(builder, file.decoder) {
          do throws(DataError) {
            let result = try encoded.get()
            records += 1
            if result.isTruncated { truncated += 1 }
            if result.sequences.isEmpty { dropped += 1 }
            if let notices = result.notices {
              conversations = conversations ?? ConversationNotices()
              conversations?.add(notices)
            }
            ends.add(result.ends)
            for sequence in result.sequences {
              do { try sequences.append(sequence, line: line) } catch {
                throw .cannotKeep("\(error)")
              }
            }
          } catch {
            guard skipBad, case .badRecord = error else { throw error }
            skipped.add(error)
          }
        }
        if let failure { throw failure }
        if batch.isLast { break }
      }
      format = format ?? file.format
      sources.append(Source(path: path, sha256: file.text.sha256))
      fileNotices += file.notices
    }
    builder.forgetWords()
    guard records > 0 else {
      throw .noRecords(
        path: paths[0], skipped: skipped.count, first: skipped.examples.first?.fault)
    }
    let all: TokenSequences
    do { all = try sequences.finish() } catch { throw .cannotKeep("\(error)") }
    try Self.checkCount(all.count)
    guard !all.isEmpty else {
      throw .noTargets(path: paths[0], sequenceLength: builder.sequenceLength)
    }
    self.sequences = all
    self.format = format ?? .raw
    self.sources = sources
    self.skipped = skipped
    recordCount = records
    truncatedCount = truncated
    droppedCount = dropped
    self.fileNotices = fileNotices
    self.ends = ends
    templateNotices =
      conversations.map { [builder.templateNotice].compactMap(\.self) + $0.sentences } ?? []
  }

  /// All of `parts`, one behind the other; there must be one. Throws `tooManySequences` or `cannotKeep`.
  init(joining parts: [Dataset]) throws(DataError) {
    try Self.checkCount(parts.reduce(0) { $0 + $1.sequences.count })
    sequences = try Self.kept { () throws(TensorError) in
      try TokenSequences.joining(parts.map(\.sequences))
    }
    format = parts[0].format
    sources = parts.flatMap(\.sources)
    recordCount = parts.reduce(0) { $0 + $1.recordCount }
    skipped = parts.reduce(into: SkippedRecords()) { $0.add($1.skipped) }
    truncatedCount = parts.reduce(0) { $0 + $1.truncatedCount }
    droppedCount = parts.reduce(0) { $0 + $1.droppedCount }
    fileNotices = parts.flatMap(\.fileNotices)
    templateNotices = parts.flatMap(\.templateNotices)
    ends = parts.reduce(into: SpelledEnds()) { $0.add($1.ends) }
  }

  /// Each sequence `weight` times; of a share below one, a seeded choice in the file's order. Throws `tooManySequences` or
  /// `cannotKeep`.
  func weighted(
    _ weight: Double, _ generator: inout RandomGenerator
  ) throws(DataError) -> Dataset {
    let whole = Int(weight)
    let rest = Int((Double(sequences.count) * (weight - Double(whole))).rounded())
    let count = sequences.count
    try Self.checkCount(whole * count + rest)
    var stream = generator
    let chosen = try Self.kept { () throws(TensorError) in
      let selection = try RowSelection(max(rest, whole == 0 ? 1 : 0), of: count, &stream)
      let repeated = (0..<whole * count).lazy.map { $0 % count }
      return try sequences.choosing([AnySequence(repeated), AnySequence(selection.rows)].joined())
    }
    generator = stream
    return Dataset(self, chosen)
  }

  /// A part of `whole`, of which `whole` or another part tells the counts and notices.
  private init(_ whole: Dataset, _ part: TokenSequences, isTold: Bool = false) {
    sequences = part
    format = whole.format
    sources = whole.sources
    recordCount = isTold ? 0 : whole.recordCount
    skipped = isTold ? SkippedRecords() : whole.skipped
    truncatedCount = isTold ? 0 : whole.truncatedCount
    droppedCount = isTold ? 0 : whole.droppedCount
    fileNotices = isTold ? [] : whole.fileNotices
    templateNotices = isTold ? [] : whole.templateNotices
    ends = isTold ? SpelledEnds() : whole.ends
  }

  /// Orders of sequences hold 32-bit numbers.
  static func checkCount(_ count: Int) throws(DataError) {
    guard count <= Int32.max else { throw .tooManySequences(count: count) }
  }

  private static func kept<Value>(
    _ body: () throws(TensorError) -> Value
  ) throws(DataError) -> Value {
    do { return try body() } catch { throw .cannotKeep("\(error)") }
  }

  /// Tokens in all sequences.
  public var tokenCount: Int { sequences.tokenCount }
  /// Tokens to predict in all sequences.
  public var targetCount: Int { sequences.targetCount }
  /// Tokens of each sequence: what a `BatchPlan` is made from.
  public var lengths: SpilledArray<Int32> { sequences.lengths }

  /// The most sequences that `split` sets aside: a mean over more is hardly surer, and takes longer.
  static let mostHeld = 2000

  /// Sets a seeded `fraction` of the sequences aside for validation, at least one and at most `mostHeld`, and keeps at
  /// least one to train on. Both parts keep the order of the file; the counts and notices stay with
  /// the part to train on. With `fraction` 0, or a single
  /// sequence, there is no validation part. Throws `cannotKeep`.
  public func split(
    fraction: Double, seed: UInt64
  ) throws(DataError) -> (train: Dataset, validation: Dataset?) {
    guard fraction > 0, sequences.count > 1 else { return (self, nil) }
    let wanted = Int((Double(sequences.count) * fraction).rounded())
    let count = min(max(wanted, 1), sequences.count - 1, Self.mostHeld)
    var generator = RandomGenerator(seed: seed).stream("validation")
    let parts = try Self.kept { () throws(TensorError) in
      let held = try RowSelection(count, of: sequences.count, &generator)
      return (try sequences.choosing(held.others), try sequences.choosing(held.rows))
    }
    return (Dataset(self, parts.0), Dataset(self, parts.1, isTold: true))
  }

  /// One sentence for each thing that happened to the data on the way; empty when nothing did.
  public var notices: [String] {
    var notices = fileNotices
    if let notice = skipped.notice { notices.append(notice) }
    if truncatedCount > 0 {
      notices.append(
        "cut \(truncatedCount) of \(recordCount) records at the sequence length (--seq-len)")
    }
    if droppedCount > 0 {
      notices.append("dropped \(droppedCount) of \(recordCount) records that have no target left")
    }
    return notices + ends.sentences + templateNotices
  }
}
