internal import Tokenization

/// Reads a data set as training would and says what is wrong with it: bad records, duplicates,
/// leaks, records too long, markers in texts. It never stops at the first fault.
public struct DataDoctor: Sendable {
  /// Examples shown.
  private static let exampleCount = 3
  /// Longer than any record is looked at.
  public static let longest = 1 << 20

  private let builder: SequenceBuilder?
  private let sequenceLength: Int

  /// - Parameters:
  ///   - builder: with `longest` as its sequence length; nil looks at no tokens.
  ///   - sequenceLength: what training would cut at.
  public init(builder: SequenceBuilder?, sequenceLength: Int) {
    precondition(sequenceLength > 1)
    self.builder = builder
    self.sequenceLength = sequenceLength
  }

  private struct State: ~Copyable {
    var diagnosis = DataDiagnosis()
    var likeness = RecordLikeness()
    var (trained, dropped) = (0, 0)
    /// What is said of the files, by what they are for.
    var findings: [DataDiagnosis.Purpose: [DataDiagnosis.Finding]] = [:]
    var ends = SpelledEnds()
    var notices: ConversationNotices?
    var hasTokenizer = true
  }

  /// Looks at everything that `parts` name.
  public func examine(_ parts: [DataPart]) -> DataDiagnosis {
    var state = State()
    state.diagnosis.sequenceLength = sequenceLength
    var files: [(String, DataDiagnosis.Purpose)] = []
    for part in parts {
      do throws(DataError) {
        let source = try DataSource(path: part.path)
        files += source.train.map { ($0, .train) }
        files += source.validation.map { ($0, .validation) }
        files += source.test.map { ($0, .test) }
      } catch {
        state.diagnosis.findings.append(.init(isFatal: true, "\(error)"))
      }
    }
    // What is held out first: it is looked for in what is trained on.
    for purpose in [DataDiagnosis.Purpose.validation, .test, .train] {
      for (path, own) in files where own == purpose { examine(path, purpose, &state) }
    }
    let order = [DataDiagnosis.Purpose.train, .validation, .test]
    state.diagnosis.files = order.flatMap { purpose in
      state.diagnosis.files.filter { $0.purpose == purpose }
    }
    state.diagnosis.findings += order.flatMap { state.findings[$0] ?? [] }
    return conclude(state)
  }

  private func examine(_ path: String, _ purpose: DataDiagnosis.Purpose, _ state: inout State) {
    var file = DataDiagnosis.File(path: path, purpose: purpose)
    // Training does not read what it tests on.
    let isFatal = purpose != .test
    do throws(DataError) {
      var reader = try DataReader(path: path, skipBad: true)
      state.findings[purpose, default: []] += reader.notices.map { .init($0) }
      do throws(DataError) {
        try read(&reader, path, purpose, &file, &state)
      } catch {
        // That every record is bad is said below.
        let isOfBadRecords = if case .noRecords(_, 1..., _) = error { true } else { false }
        if !isOfBadRecords {
          state.findings[purpose, default: []].append(.init(isFatal: isFatal, "\(error)"))
        }
      }
      file.bad.add(reader.takeSkipped())
      file.format = reader.format
    } catch {
      state.findings[purpose, default: []].append(.init(isFatal: isFatal, "\(error)"))
    }
    if let first = file.bad.examples.first {
      state.findings[purpose, default: []].append(
        .init(
          isFatal: isFatal,
          "\(path) has \(file.bad.counted)\(file.bad.count > 1 ? ", the first" : ""): "
            + "\(first.fault): correct \(file.bad.count > 1 ? "them" : "it"), or pass --skip-bad to train, "
            + "which leaves such records out"
        ))
    }
    state.diagnosis.files.append(file)
  }

  private func read(
    _ reader: inout DataReader, _ path: String, _ purpose: DataDiagnosis.Purpose,
    _ file: inout DataDiagnosis.File, _ state: inout State
  ) throws(DataError) {
    while let record = try reader.next() {
      file.bad.add(reader.takeSkipped())
      do throws(DataError) {
        if purpose == .train { try tokenize(record, path, &state) }
        file.records += 1
        try compare(record, purpose, &state)
      } catch {
        guard case .badRecord = error else { throw error }
        file.bad.add(error)
      }
    }
  }

  private func compare(
    _ record: DataRecord, _ purpose: DataDiagnosis.Purpose, _ state: inout State
  ) throws(DataError) {
    guard purpose == .train else { return state.likeness.hold(record, purpose) }
    state.trained += 1
    do { try state.likeness.train(record) } catch { throw .cannotKeep("\(error)") }
  }

  private func tokenize(
    _ record: DataRecord, _ path: String, _ state: inout State
  ) throws(DataError) {
    guard let builder, state.hasTokenizer else { return }
    let outcome: SequenceBuilder.Outcome
    do {
      outcome = try builder.sequences(of: record, path: path)
    } catch {
      // Said once: no other record would fare better.
      if case .cannotTokenize = error { state.hasTokenizer = false }
      throw error
    }
    state.ends.add(outcome.ends)
    if let notices = outcome.notices {
      state.notices = state.notices ?? ConversationNotices()
      state.notices?.add(notices)
    }
    var isCut = false
    var targets = 0
    for sequence in outcome.sequences {
      state.diagnosis.lengths.add(sequence.ids.count)
      switch record.content {
      case .text, .raw:
        // Cut into windows: nothing is lost.
        targets += sequence.targetCount
      default:
        isCut = isCut || sequence.ids.count > sequenceLength
        targets += sequence.targets.prefix(sequenceLength).count { $0 >= 0 }
      }
    }
    if isCut { state.diagnosis.cutCount += 1 }
    if targets == 0 { state.dropped += 1 }
    state.diagnosis.targetCount += targets
    if state.diagnosis.examples.count < Self.exampleCount,
      let conversation = builder.encoded(record)
    {
      state.diagnosis.examples.append(
        .init(path: path, line: record.line, conversation: conversation))
    }
  }

  private func conclude(_ state: consuming State) -> DataDiagnosis {
    var diagnosis = state.diagnosis
    var findings: [DataDiagnosis.Finding] = []
    let count = state.trained
    let dropped = state.dropped
    let (ends, notices) = (state.ends, state.notices)
    let (duplicates, leaks): (Int, [DataDiagnosis.Purpose: RecordLikeness.Leak])
    do { (duplicates, leaks) = try state.likeness.finish() } catch {
      (duplicates, leaks) = (0, [:])
      findings.append(.init("\(DataError.cannotKeep("\(error)")): duplicates were not counted"))
    }
    if duplicates > 0 {
      findings.append(
        .init(
          "duplicates: \(duplicates) of \(count) training records",
          "remove them, or give a file a weight to repeat it on purpose"))
    }
    for (purpose, leak) in leaks.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let (same, near) = (leak.same, leak.near)
      if same > 0 {
        findings.append(
          .init(
            "\(same) \(purpose.rawValue) records are trained on too",
            "take them out of one of the two: the figures would flatter"))
      }
      if near > 0 {
        findings.append(
          .init(
            "\(near) \(purpose.rawValue) records are nearly the same as training records",
            "see whether they are rewordings, and split by source if so"))
      }
    }
    if diagnosis.cutCount > 0 {
      let longest = diagnosis.lengths.longest
      findings.append(
        .init(
          "\(diagnosis.cutCount) of \(count) training records are longer than "
            + "\(sequenceLength) tokens and lose their end",
          "raise --seq-len (the longest has \(longest)) or shorten them"))
    }
    if dropped > 0 {
      findings.append(
        .init(
          isFatal: dropped == count,
          "\(dropped) of \(count) training records have nothing to learn within "
            + "\(sequenceLength) tokens", "raise --seq-len, or look at what their answers are"))
    }
    findings += (ends.sentences + (notices?.sentences ?? [])).map { .init($0) }
    if let notice = builder?.templateNotice, notices != nil { findings.append(.init(notice)) }
    if count == 1 {
      findings.append(.init("one training record leaves none for validation", "add more"))
    }
    diagnosis.findings += findings
    return diagnosis
  }
}
