import FineTuning
import Foundation

/// What `scion data --json` prints (keys in snake case).
struct DiagnosisDocument: Encodable {
  struct Bad: Encodable {
    let line: Int
    let column: Int?
    let reason: String
  }

  struct Reason: Encodable {
    let count: Int
    let text: String
  }

  struct File: Encodable {
    let path: String
    let purpose: DataDiagnosis.Purpose
    let format: String?
    let records: Int
    /// All bad records, also those that `bad` does not list.
    let badCount: Int
    let badReasons: [Reason]
    /// The first.
    let bad: [Bad]
  }

  struct Bar: Encodable {
    let upTo: Int
    let count: Int
  }

  /// Of the training part; absent without a model.
  struct Tokens: Encodable {
    let sequences: Int
    let total: Int
    let longest: Int
    let learned: Int
    let cutRecords: Int
    let sequenceLength: Int
    let histogram: [Bar]
  }

  struct Finding: Encodable {
    let fatal: Bool
    let text: String
    let remedy: String
  }

  let wouldFail: Bool
  let files: [File]
  let tokens: Tokens?
  let findings: [Finding]

  init(_ diagnosis: DataDiagnosis) {
    wouldFail = diagnosis.wouldFail
    files = diagnosis.files.map { file in
      File(
        path: file.path, purpose: file.purpose, format: file.format?.rawValue,
        records: file.records,
        badCount: file.bad.count,
        badReasons: file.bad.reasons.map { Reason(count: $0.count, text: $0.text) },
        bad: file.bad.examples.compactMap { error in
          guard case .badRecord(_, let line, let column, let reason) = error else { return nil }
          return Bad(line: line, column: column, reason: reason)
        })
    }
    let lengths = diagnosis.lengths
    tokens =
      lengths.count == 0
      ? nil
      : Tokens(
        sequences: lengths.count, total: lengths.total, longest: lengths.longest,
        learned: diagnosis.targetCount, cutRecords: diagnosis.cutCount,
        sequenceLength: diagnosis.sequenceLength,
        histogram: lengths.bars.map { Bar(upTo: $0.upTo, count: $0.count) })
    findings = diagnosis.findings.map {
      Finding(fatal: $0.isFatal, text: $0.text, remedy: $0.remedy)
    }
  }

  var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
  }
}
