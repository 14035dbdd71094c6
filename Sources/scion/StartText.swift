import FineTuning
import Foundation

/// A start's report in one line of the terminal.
enum StartText {
  /// Loss before and after, the share of what was measured that the rank holds, and the time; nil for starts that measure
  /// nothing.
  static func summary(_ report: StartReport) -> String? {
    guard let before = report.lossBefore, let after = report.lossAfter else { return nil }
    var parts = [String(format: "loss of the init batch %.4f -> %.4f", before, after)]
    if let trials = report.lineSearch {
      parts.append(
        report.chosenGamma.map { String(format: "gamma %g of \(trials.count) tried", $0) }
          ?? "none of \(trials.count) sizes beats the base, which is where training starts")
    }
    if report.initialization.source != .nothing {
      let measured = report.initialization.source == .inputs ? "inputs" : "gradient"
      parts.append(
        String(
          format: "rank %d holds %.0f %% of the \(measured)", report.rank,
          report.meanCapturedShare * 100))
    }
    parts.append(String(format: "%.1f s", report.seconds))
    return parts.joined(separator: "; ")
  }
}
