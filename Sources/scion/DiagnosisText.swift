import FineTuning
import Foundation

/// What `scion data` prints.
enum DiagnosisText {
  private static let badShown = 5
  private static let barWidth = 40

  static func report(
    _ diagnosis: DataDiagnosis, withExamples: Bool, inColour: Bool
  ) -> String {
    var lines: [String] = []
    for file in diagnosis.files {
      lines.append(
        "\(padded(file.purpose.rawValue, 12))\(file.path): \(file.records) records, "
          + (file.format?.rawValue ?? (file.bad.isEmpty ? "no known format" : "format unknown"))
          + (file.bad.isEmpty ? "" : ", \(file.bad.count) bad"))
      let shown = file.bad.examples.prefix(badShown)
      lines += shown.map { "  bad       \($0.fault)" }
      if file.bad.count > shown.count {
        lines.append("  bad       … \(file.bad.count - shown.count) more; by reason:")
        lines += file.bad.reasons.map { "  bad       \($0.count): \($0.text)" }
      }
    }
    if diagnosis.lengths.count > 0 {
      lines += ["", "tokens a sequence"] + bars(diagnosis)
      lines.append(
        "\(padded("tokens", 12))\(diagnosis.lengths.total), longest \(diagnosis.lengths.longest), learned "
          + "\(diagnosis.targetCount)")
      let share = Double(diagnosis.cutCount) / Double(diagnosis.lengths.count)
      lines.append(
        "\(padded("cut", 12))\(String(format: "%.1f", share * 100)) % at \(diagnosis.sequenceLength) "
          + "tokens")
    }
    if !diagnosis.findings.isEmpty {
      lines.append("")
      for finding in diagnosis.findings {
        lines.append(
          "\(finding.isFatal ? "!" : "-") \(finding.text)"
            + (finding.remedy.isEmpty ? "" : ": \(finding.remedy)"))
      }
    }
    var text = lines.joined(separator: "\n") + "\n"
    if withExamples {
      for (index, example) in diagnosis.examples.enumerated() {
        text +=
          "\n"
          + TemplateText.marked(
            example.conversation, number: index + 1, line: example.line, inColour: inColour)
      }
    }
    return text
  }

  private static func bars(_ diagnosis: DataDiagnosis) -> [String] {
    let histogram = diagnosis.lengths.bars
    let most = histogram.map(\.count).max() ?? 1
    return histogram.map { upTo, count in
      let width = count == 0 ? 0 : max(1, count * barWidth / max(most, 1))
      let number = "\(upTo)"
      return "  ≤ " + String(repeating: " ", count: max(0, 8 - number.count)) + number + "  "
        + padded(String(repeating: "█", count: width), barWidth + 1) + "\(count)"
    }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
