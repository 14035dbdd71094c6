import FineTuning
import Foundation
import Transformer

/// Memory plans in words: the table of `scion plan` and the line of `scion train`.
enum PlanText {
  /// One line: bytes and how the run works within them.
  static func summary(_ plan: MemoryPlan, layers: Int) -> String {
    let choices = choices(
      tokens: plan.workspace.tokens, kept: min(plan.keptLayers, layers), layers: layers,
      spills: plan.workspace.spillsBoundaries, streams: plan.streamsWeights)
    return "\(bytesText(plan.total)) planned, \(choices)"
  }

  /// The parts by size within their phases, the totals, the choices, and the time.
  static func table(_ estimate: RunEstimate) -> String {
    var lines: [String] = []
    func row(_ name: String, _ value: String, _ note: String = "") {
      let name = name.padding(toLength: 28, withPad: " ", startingAt: 0)
      let room = String(repeating: " ", count: max(0, 10 - value.count))
      lines.append(note.isEmpty ? "\(name)\(room)\(value)" : "\(name)\(room)\(value)  \(note)")
    }
    for part in estimate.parts where part.bytes > 0 {
      row(part.name, bytesText(part.bytes), note(part.phase))
    }
    lines.append("")
    row("start", bytesText(estimate.startBytes))
    row("training", bytesText(estimate.trainingBytes))
    row("writing the results", bytesText(estimate.savingBytes))
    row(
      "peak", bytesText(estimate.totalBytes),
      estimate.budgetBytes.map { "of \(bytesText($0)) allowed" } ?? "")
    lines.append("")
    lines.append(
      choices(
        tokens: estimate.microBatchTokens, kept: estimate.keptLayers, layers: estimate.layers,
        spills: estimate.spillsBoundaries, streams: estimate.streamsWeights))
    lines.append(
      String(
        format: "%d adapter parameters, %.2f bytes each: %.2f kept, %.2f gradient, %.2f moments",
        estimate.trainableParameters, estimate.bytesPerParameter,
        estimate.adapterBytesPerParameter, estimate.gradientBytesPerParameter,
        estimate.optimizerBytesPerParameter))
    lines.append("")
    row(
      "step", String(format: "%.2f s", estimate.secondsPerStep),
      String(format: "%.0f tokens/s, %d steps", estimate.tokensPerSecond, estimate.steps))
    row("start", clockText(seconds: estimate.startSeconds))
    row("validations", clockText(seconds: estimate.validationSeconds))
    row("whole run", clockText(seconds: estimate.totalSeconds))
    return lines.joined(separator: "\n") + "\n"
  }

  private static func note(_ phase: MemoryPlan.Phase) -> String {
    switch phase {
    case .always: ""
    case .computing: "not while results are written"
    case .start: "start only"
    case .training: "after the start"
    case .saving: "while results are written"
    }
  }

  private static func choices(
    tokens: Int, kept: Int, layers: Int, spills: Bool, streams: Bool
  ) -> String {
    var parts = ["micro-batches of \(tokens) tokens"]
    switch kept {
    case layers: parts.append("all products kept")
    case 0, 1: parts.append("products recomputed")
    default: parts.append("products of \(kept) of \(layers) layers kept")
    }
    if spills { parts.append("block inputs spilled to a file") }
    if streams { parts.append("weights streamed") }
    return parts.joined(separator: ", ")
  }
}
