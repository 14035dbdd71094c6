public import ArgumentParser
public import FineTuning
import Foundation
import Inference
import ModelFiles
import Tokenization
import Transformer

/// `scion eval`: measures the base (without --adapter), base + adapter, or a merged model.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure likelihood, perplexity or exact answers on held-out data.",
    discussion: """
      nll: scores completions given their prompts (target tokens only).
      perplexity: scores plain text by llama.cpp's protocol, windows of --context tokens, second halves only.
      exact: generates greedily and compares the trimmed text with the completion; answers that are JSON objects are \
      also compared as objects, and by their "intent".

      Without --adapter the base is measured. The result goes to stdout, and with --json to a file.

        scion eval -m base.gguf --task nll --data test.jsonl
        scion eval -m base.gguf --adapter tuned --task exact --data test.jsonl
      """)

  @OptionGroup var model: ModelOptions

  @Option(
    help: ArgumentHelp(
      "Adapter: the folder that train wrote, an adapter.gguf, or a PEFT folder.",
      valueName: "path"),
    completion: .file())
  var adapter: String?

  @Option(help: ArgumentHelp("What to measure.", valueName: "nll|perplexity|exact"))
  var task: EvaluationTask

  @Option(
    help: ArgumentHelp(
      "JSONL records, or a text file for perplexity; a folder's test part. Several: all of them, and each for itself.",
      valueName: "path"),
    completion: .file())
  var data: [String]

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Use only the first N records.", valueName: "n"))
  var limit: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Window of perplexity, in tokens.", valueName: "n"))
  var context = 512

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Longest sequence of nll; longer ones are cut.", valueName: "n"))
  var seqLen = 2048

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Most tokens of an answer (exact).", valueName: "n")
  )
  var maxTokens = 256

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Examples put before each prompt (exact).", valueName: "n"))
  var shots = 0

  @Option(
    help: ArgumentHelp("Where the examples come from (their first ones).", valueName: "file"),
    completion: .file())
  var shotsData: String?

  @OptionGroup var templates: TemplateOptions

  @Option(
    help: ArgumentHelp("Write the result as one JSON document.", valueName: "file"),
    completion: .file())
  var json: String?

  @Option(
    help: ArgumentHelp("Write one JSON line per example.", valueName: "file"),
    completion: .file())
  var rows: String?

  @Flag(help: "No progress on stderr.")
  var quiet = false

  @Flag(help: "Leave bad records out instead of stopping (nll, exact).")
  var skipBad = false

  func validate() throws {
    if context < 4 { throw ValidationError("--context must be at least 4") }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    if shots < 0 { throw ValidationError("--shots must be 0 or more") }
    if (shots > 0) != (shotsData != nil) {
      throw ValidationError("--shots and --shots-data belong together")
    }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1") }
    if seqLen < 2 { throw ValidationError("--seq-len must be at least 2") }
  }

  func run() throws {
    try OutputPath.checkApart(
      [json, rows].compactMap(\.self),
      inputs: [try model.path(), adapter, shotsData].compactMap(\.self) + data)
    if let json { try OutputKind.evaluation.check(json) }
    if let rows { try OutputKind.rows.check(rows) }
    let files = try dataFiles()
    let loaded = try model.load()
    let adapters = try adapter.map {
      try AdapterFile.load($0, for: loaded, storage: model.storage)
    }
    let (evaluation, counts) = try makeEvaluation(files, loaded, adapters)
    var reporter = TerminalReporter(quiet: quiet)
    try model.settleThreads(for: loaded, &reporter)
    for notice in evaluation.notices { reporter.warn(notice) }
    let interrupt = InterruptFlag()
    evaluation.stop = interrupt.stop
    while let progress = try evaluation.step() {
      let left = progress.secondsLeft.map { "  \(clockText(seconds: $0)) left" } ?? ""
      let value = progress.value.map { String(format: "  %.4f", $0) } ?? ""
      reporter.progress("\(task.rawValue) \(progress.done)/\(progress.total)\(value)\(left)")
      if interrupt.isSet { break }
    }
    reporter.closeLine()
    if interrupt.isSet { throw Interrupted(description: "interrupted: nothing was written") }
    var report = evaluation.report
    if files.count > 1 {
      var next = 0
      report.files = zip(files, counts).map { path, count in
        let range = next..<min(next + count, evaluation.rows.count)
        next = range.upperBound
        return EvaluationPart(path: path, rows: evaluation.rows[range])
      }
    }
    try write(report, evaluation.rows)
  }

  // MARK: - Results

  private func write(_ report: EvaluationReport, _ rows: [EvaluationRow]) throws {
    if let path = self.rows {
      try AtomicFile.write(path: path, text: try rows.map(EvaluationText.line).joined())
    }
    if let json {
      try AtomicFile.write(path: json, text: try EvaluationText.document(report))
    }
    try StandardStreams.result(EvalCommand.summary(report) + "\n")
  }

  /// The result as lines of `name value`.
  static func summary(_ report: EvaluationReport) -> String {
    var lines = [
      "task            \(report.task.rawValue)", "examples        \(report.examples)",
      "tokens          \(report.tokens)",
    ]
    func add(_ name: String, _ value: Double?, _ format: String, factor: Double = 1) {
      guard let value else { return }
      let padded = name.padding(toLength: 16, withPad: " ", startingAt: 0)
      lines.append(padded + String(format: format, value * factor))
    }
    add("nll per token", report.nllPerToken, "%.5f")
    add("perplexity", report.perplexity, "%.4f")
    add("± error", report.perplexityError, "%.4f")
    add("exact match", report.exactMatch, "%.1f %%", factor: 100)
    add("JSON match", report.jsonMatch, "%.1f %%", factor: 100)
    add("intent", report.intentAccuracy, "%.1f %%", factor: 100)
    add("seconds", report.seconds, "%.1f")
    for part in report.files ?? [] {
      let figures = [
        part.nllPerToken.map { String(format: "nll %.5f", $0) },
        part.perplexity.map { String(format: "perplexity %.4f", $0) },
        part.exactMatch.map { String(format: "exact %.1f %%", 100 * $0) },
      ].compactMap(\.self)
      lines.append(
        "  \(part.path): \(part.examples) examples, \(figures.joined(separator: ", "))")
    }
    return lines.joined(separator: "\n")
  }
}

extension EvaluationTask: ExpressibleByArgument {}
