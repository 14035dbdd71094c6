import FineTuning
import Foundation
import Inference
import ModelFiles
import Transformer

/// What `merge` says of its result on stdout.
enum MergeText {
  /// Lines of `name value`, the file first.
  static func summary(_ report: MergeReport, output: String) -> String {
    var lines = ["\(output)  \(bytesText(report.bytesAfter))"]
    func add(_ name: String, _ text: String) {
      lines.append(name.padding(toLength: 16, withPad: " ", startingAt: 0) + text)
    }
    add("base", bytesText(report.bytesBefore))
    add("rounding", report.method)
    if let kept = report.median(\.kept) {
      add("change kept", String(format: "%.1f %% (median of tensors)", 100 * kept))
    }
    if let error = report.median(\.functionalError) {
      add("output error", String(format: "%.3f of the change (median of tensors)", error))
    }
    guard let losses = report.losses else { return lines.joined(separator: "\n") + "\n" }
    add("held-out rows", "\(losses.examples) of \(losses.path)")
    add("nll base", String(format: "%.5f", losses.base))
    add("nll adapter", String(format: "%.5f", losses.adapter))
    add("nll merged", String(format: "%.5f", losses.merged))
    add(
      "gain kept",
      losses.keptGain.map { String(format: "%.1f %%", 100 * $0) }
        ?? "the adapter gains nothing here")
    return lines.joined(separator: "\n") + "\n"
  }
}

/// The loss of base, base with adapter and merged model on the same rows.
struct HeldOutLosses {
  private let path: String
  private let sequences: TokenSequences
  private let loaded: LoadedModel
  private let adapter: Adapter

  /// Reads the rows, in the template and at the time of `recipe` unless told otherwise; a folder means its test part.
  init(
    _ path: String, _ base: GGUFFile, _ adapter: Adapter, _ templates: TemplateOptions,
    _ recipe: FineTuneRecipe?, _ reporter: inout TerminalReporter
  ) throws {
    self.path = path
    self.adapter = adapter
    loaded = try LoadedModel(base)
    let builder = SequenceBuilder(
      loaded, template: templates.template(of: recipe), clock: templates.clock(of: recipe),
      sequenceLength: min(2048, loaded.model.configuration.contextLength))
    let source = try? DataSource(path: path)
    let files = source.map { $0.test.isEmpty ? $0.validation : $0.test } ?? []
    let rows = try Dataset(
      paths: files.isEmpty ? [path] : files, builder: builder, skipBad: false)
    for notice in rows.notices { reporter.warn(notice) }
    sequences = rows.sequences
  }

  /// Three passes over the rows.
  func measure(
    merged: String, _ interrupt: InterruptFlag, _ reporter: inout TerminalReporter
  ) throws -> MergeReport.Losses {
    func loss(_ name: String, _ model: LoadedModel, _ adapter: Adapter?) throws -> Double {
      let evaluation = try LikelihoodEvaluation(
        model.model, adapters: try adapter?.set(for: model, storage: .bfloat16),
        storage: .bfloat16, sequences: sequences)
      evaluation.stop = interrupt.stop
      while let progress = try evaluation.step() {
        reporter.progress("nll \(name) \(progress.done)/\(progress.total)")
      }
      if interrupt.isSet {
        reporter.closeLine()
        throw Interrupted(description: "interrupted: \(merged) is complete, its loss not measured")
      }
      return evaluation.report.nllPerToken ?? .nan
    }
    let losses = MergeReport.Losses(
      path: path, examples: sequences.count, base: try loss("base", loaded, nil),
      adapter: try loss("adapter", loaded, adapter),
      merged: try loss("merged", try LoadedModel(path: merged), nil))
    reporter.closeLine()
    return losses
  }
}
