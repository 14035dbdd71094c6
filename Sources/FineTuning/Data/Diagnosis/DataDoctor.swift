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

  private struct State {
    var diagnosis = DataDiagnosis()
    var training = RecordLikeness()
    var (trained, duplicates, dropped) = (0, 0, 0)
    var leaks: [DataDiagnosis.Purpose: (same: Int, near: Int)] = [:]
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
    // Training first: the others are held against it.
    for purpose in [DataDiagnosis.Purpose.train, .validation, .test] {
      for (path, own) in files where own == purpose { examine(path, purpose, &state) }
    }
    conclude(&state)
    return state.diagnosis
  }

  private func examine(_ path: String, _ purpose: DataDiagnosis.Purpose, _ state: inout State) {
    var file = DataDiagnosis.File(path: path, purpose: purpose)
    // Training does not read what it tests on.
    let isFatal = purpose != .test
    do throws(DataError) {
      var reader = try DataReader(path: path, skipBad: true)
      state.diagnosis.findings += reader.notices.map { .init($0) }
      do throws(DataError) {
        try read(&reader, path, purpose, &file, &state)
      } catch {
        // That every record is bad is said below.
        if reader.skipped.isEmpty {
          state.diagnosis.findings.append(.init(isFatal: isFatal, "\(error)"))
        }
      }
      file.format = reader.format
      file.bad = (reader.skipped + file.bad).sorted { $0.line < $1.line }
    } catch {
      state.diagnosis.findings.append(.init(isFatal: isFatal, "\(error)"))
    }
    if let first = file.bad.first {
      state.diagnosis.findings.append(
        .init(
          isFatal: isFatal,
          "\(path) has \(file.bad.count) bad records, the first: \(first)"
        ))
    }
    state.diagnosis.files.append(file)
  }

  private func read(
    _ reader: inout DataReader, _ path: String, _ purpose: DataDiagnosis.Purpose,
    _ file: inout DataDiagnosis.File, _ state: inout State
  ) throws(DataError) {
    while let record = try reader.next() {
      do throws(DataError) {
        if purpose == .train { try tokenize(record, path, &state) }
        file.records += 1
        compare(record, purpose, &state)
      } catch {
        guard case .badRecord = error else { throw error }
        file.bad.append(error)
      }
    }
  }

  private func compare(
    _ record: DataRecord, _ purpose: DataDiagnosis.Purpose, _ state: inout State
  ) {
    if purpose == .train {
      state.trained += 1
      if !state.training.add(record) { state.duplicates += 1 }
      return
    }
    switch state.training.kind(record) {
    case .same: state.leaks[purpose, default: (0, 0)].same += 1
    case .near: state.leaks[purpose, default: (0, 0)].near += 1
    case .other: break
    }
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
      state.diagnosis.lengths.append(sequence.ids.count)
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

  private func conclude(_ state: inout State) {
    var findings: [DataDiagnosis.Finding] = []
    let count = state.trained
    if state.duplicates > 0 {
      findings.append(
        .init(
          "duplicates: \(state.duplicates) of \(count) training records",
          "remove them, or give a file a weight to repeat it on purpose"))
    }
    for (purpose, (same, near)) in state.leaks.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
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
    if state.diagnosis.cutCount > 0 {
      let longest = state.diagnosis.lengths.max() ?? 0
      findings.append(
        .init(
          "\(state.diagnosis.cutCount) of \(count) training records are longer than "
            + "\(sequenceLength) tokens and lose their end",
          "raise --seq-len (the longest has \(longest)) or shorten them"))
    }
    if state.dropped > 0 {
      findings.append(
        .init(
          isFatal: state.dropped == count,
          "\(state.dropped) of \(count) training records have nothing to learn within "
            + "\(sequenceLength) tokens", "raise --seq-len, or look at what their answers are"))
    }
    findings += (state.ends.sentences + (state.notices?.sentences ?? [])).map { .init($0) }
    if let notice = builder?.templateNotice, state.notices != nil { findings.append(.init(notice)) }
    if count == 1 {
      findings.append(.init("one training record leaves none for validation", "add more"))
    }
    state.diagnosis.findings += findings
  }
}

extension DataError {
  /// The line it names; 0 for none.
  fileprivate var line: Int {
    if case .badRecord(_, let line, _, _) = self { line } else { 0 }
  }
}
