import FineTuning
import Foundation

/// What `eval` and `merge` write to files, and whether a text is of that kind: read and written again it must be the same.
enum EvaluationText {
  /// One line of `--rows`.
  static func line(_ row: EvaluationRow) throws -> String {
    String(decoding: try encoder().encode(row), as: UTF8.self) + "\n"
  }

  /// All of `--json`.
  static func document(_ report: EvaluationReport) throws -> String {
    String(decoding: try encoder(.prettyPrinted).encode(report), as: UTF8.self) + "\n"
  }

  static func isLine(_ text: Data) -> Bool {
    (try? line(decoder().decode(EvaluationRow.self, from: text))).map { Data($0.utf8) } == text
  }

  static func isDocument(_ text: Data) -> Bool {
    (try? document(decoder().decode(EvaluationReport.self, from: text))).map { Data($0.utf8) }
      == text
  }

  /// All of `merge --json`.
  static func mergeReport(_ report: MergeReport) throws -> String {
    String(decoding: try encoder(.prettyPrinted).encode(report), as: UTF8.self) + "\n"
  }

  static func isMergeReport(_ text: Data) -> Bool {
    (try? mergeReport(decoder().decode(MergeReport.self, from: text))).map { Data($0.utf8) }
      == text
  }

  private static func encoder(_ formatting: JSONEncoder.OutputFormatting = []) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }

  private static func decoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return decoder
  }
}
