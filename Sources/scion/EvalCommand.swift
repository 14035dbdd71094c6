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
    help: ArgumentHelp("JSONL records, or a text file for perplexity.", valueName: "file"),
    completion: .file())
  var data: String

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
      inputs: [try model.path(), adapter, data, shotsData].compactMap(\.self))
    let loaded = try model.load()
    let adapters = try adapter.map {
      try AdapterFile.load($0, for: loaded, storage: model.storage)
    }
    let evaluation = try makeEvaluation(loaded, adapters)
    var reporter = TerminalReporter(quiet: quiet)
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
    try write(evaluation)
  }

  private func makeEvaluation(
    _ loaded: LoadedModel, _ adapters: AdapterSet?
  ) throws -> any Evaluation {
    let storage = model.storage
    switch task {
    case .perplexity:
      let text = try DataFile.text(path: data)
      let windows = try PerplexityWindows.sequences(of: text, context: context, loaded)
      return try LikelihoodEvaluation(
        task: .perplexity, loaded.model, adapters: adapters, storage: storage,
        sequences: Array(windows.prefix(limit ?? windows.count)))
    case .nll:
      let builder = SequenceBuilder(
        loaded, template: templates.template, clock: templates.clock,
        sequenceLength: min(seqLen, loaded.model.configuration.contextLength))
      let dataset = try Dataset(paths: [data], builder: builder, skipBad: skipBad)
      var reporter = TerminalReporter(quiet: quiet)
      for notice in dataset.notices { reporter.warn(notice) }
      return try LikelihoodEvaluation(
        task: .nll, loaded.model, adapters: adapters, storage: storage,
        sequences: Array(dataset.sequences.prefix(limit ?? dataset.sequences.count)))
    case .exact:
      let file = try read(data, limit)
      let examples = try file.records.map { try ExactExample($0) }
      return try ExactEvaluation(
        loaded, adapters: adapters, storage: storage, template: templates.template,
        clock: templates.clock, examples: examples,
        shots: try shotsData.map { try ExactExample.shots(shots, of: read($0, shots).records) }
          ?? [],
        maxTokens: maxTokens)
    }
  }

  /// The records of `path`, with what was left out said.
  private func read(_ path: String, _ limit: Int?) throws -> DataFile {
    let file = try DataFile(path: path, skipBad: skipBad, limit: limit)
    var reporter = TerminalReporter(quiet: quiet)
    for notice in file.notices { reporter.warn(notice) }
    if let first = file.skipped.first {
      reporter.warn("skipped \(file.skipped.count) bad records; the first: \(first)")
    }
    return file
  }

  // MARK: - Results

  private func write(_ evaluation: any Evaluation) throws {
    let report = evaluation.report
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    if let rows {
      let lines = try evaluation.rows.map { row in
        String(decoding: try encoder.encode(row), as: UTF8.self) + "\n"
      }
      try AtomicFile.write(path: rows, text: lines.joined())
    }
    encoder.outputFormatting.insert(.prettyPrinted)
    let document = String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    if let json { try AtomicFile.write(path: json, text: document) }
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
    return lines.joined(separator: "\n")
  }
}

extension EvaluationTask: ExpressibleByArgument {}
