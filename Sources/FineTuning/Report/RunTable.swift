internal import Foundation

/// Runs side by side: a row each.
public struct RunTable {
  private let runs: [RunRecord]

  public init(_ runs: [RunRecord]) { self.runs = runs }

  private static let names = [
    "run", "steps", "base", "best validation", "at step", "training loss", "time", "tokens/s",
    "memory",
  ]

  private var rows: [[String]] {
    runs.map { run in
      func number(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "-" }
      return [
        run.name + (run.isFinished ? "" : " (unfinished)"), "\(run.steps.last?.step ?? 0)",
        number(run.baseLoss), number(run.best?.validationLoss),
        run.best.map { "\($0.step)" } ?? "-", number(run.smoothedLoss.last),
        ReportText.time(run.elapsedSeconds),
        run.tokensPerSecond.map { String(format: "%.0f", $0) } ?? "-",
        run.peakBytes.map(ReportText.bytes) ?? "-",
      ]
    }
  }

  /// Columns of plain text, then the settings in which the runs differ.
  public var text: String {
    var lines = Self.columns([Self.names] + rows)
    let settings = RecipeSetting.all.compactMap { setting -> [String]? in
      // Two runs never share a folder.
      guard setting.key != "output" else { return nil }
      let texts = runs.map { setting.text(of: $0.recipe) }
      return Set(texts).count > 1 ? [setting.key] + texts.map { $0.isEmpty ? "-" : $0 } : nil
    }
    if runs.count > 1, !settings.isEmpty {
      lines.append("")
      lines += Self.columns([["setting"] + runs.map(\.name)] + settings)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func columns(_ rows: [[String]]) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (text, width) in zip(row, widths) {
        line += text + String(repeating: " ", count: width - text.count + 2)
      }
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  var html: String {
    let head = Self.names.map { "<th>\(HTML.escaped($0))</th>" }.joined()
    let body = rows.enumerated().map { index, row in
      "<tr>"
        + row.enumerated().map { column, text in
          column == 0
            ? "<td><i class=\"key thick s\(index)\"></i>\(HTML.escaped(text))</td>"
            : "<td>\(HTML.escaped(text))</td>"
        }.joined() + "</tr>"
    }.joined(separator: "\n")
    return
      "<div class=\"scroll\"><table class=\"figures\">\n<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body)\n</tbody>\n</table></div>"
  }

  /// What `--json` prints of a run.
  public struct Entry: Encodable, Sendable {
    let name: String
    let finished: Bool
    let steps: Int
    let baseValidationLoss: Double?
    let bestValidationLoss: Double?
    let bestStep: Int?
    let trainingLoss: Double?
    let elapsedSeconds: Double
    let tokensPerSecond: Double?
    let peakBytes: Int?
    let settings: [String: String]

    enum CodingKeys: String, CodingKey {
      case name, finished, steps, settings
      case baseValidationLoss = "base_validation_loss"
      case bestValidationLoss = "best_validation_loss"
      case bestStep = "best_step"
      case trainingLoss = "training_loss"
      case elapsedSeconds = "elapsed_seconds"
      case tokensPerSecond = "tokens_per_second"
      case peakBytes = "peak_bytes"
    }
  }

  public var entries: [Entry] {
    runs.map { run in
      Entry(
        name: run.name, finished: run.isFinished, steps: run.steps.last?.step ?? 0,
        baseValidationLoss: run.baseLoss, bestValidationLoss: run.best?.validationLoss,
        bestStep: run.best?.step, trainingLoss: run.smoothedLoss.last,
        elapsedSeconds: run.elapsedSeconds, tokensPerSecond: run.tokensPerSecond,
        peakBytes: run.peakBytes,
        settings: Dictionary(
          uniqueKeysWithValues: RecipeSetting.all.map { ($0.key, $0.text(of: run.recipe)) }))
    }
  }
}
