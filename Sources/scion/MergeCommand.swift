public import ArgumentParser
public import FineTuning
import Foundation
import Inference
import ModelFiles
import Tensors
import Transformer

/// `scion merge`: base + adapter → one GGUF that needs no adapter.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Write one quantized GGUF with the adapter merged into the base.",
    discussion: """
      Streamed tensor by tensor; the base is left as it is and its metadata (tokenizer, template) are kept. --type q8_0, the \
      default, holds what the adapter learned. --type keep quantizes each changed tensor back to its own type: in 4 bits \
      most of an adapter's changes are smaller than a step, and rounding each value for itself erases them. --method feedback \
      rounds so that the outputs of each layer stay what they were with the adapter, on text like that which it was trained \
      on; it is the default below 8 bits where the training data are at hand (--data, or where the run's recipe.yaml says). \
      With --test the loss of base, base with adapter and merged model is measured on held-out rows. q4_k, q5_k and \
      q6_k need rows of whole blocks of 256; other matrices become q5_0, q5_1 and q8_0, which a notice says. The output \
      appears only when it is complete.

        scion merge -m base.gguf --adapter tuned -o merged.gguf
        scion merge -m base.gguf --adapter tuned --type keep --test test.jsonl -o merged.gguf
        scion merge -m base.gguf --adapter tuned --type keep --budget +10% -o merged.gguf
      """)

  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp("Base model, a GGUF file (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Adapter: the folder that train wrote, an adapter.gguf, or a PEFT folder.",
      valueName: "path"),
    completion: .file())
  var adapter: String

  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("The file to write.", valueName: "file"),
    completion: .file())
  var output: String

  @Option(help: ArgumentHelp("Type of the weights.", valueName: "type"))
  var type: MergeType = .format(.q8_0)

  @Option(
    help: ArgumentHelp(
      "general.name of the merged model (default: the base's and \"LoRA\").", valueName: "text"))
  var name: String?

  @Option(
    help: ArgumentHelp(
      "round: each value for itself; feedback: so that outputs stay the same (default: feedback below 8 bits where data are at hand).",
      valueName: "round|feedback"))
  var method: RoundingMethod?

  @Option(
    help: ArgumentHelp(
      "Rows that feedback measures the layers' inputs on, as train --data (default: the training data of the run's recipe.yaml).",
      valueName: "path"),
    completion: .file())
  var data: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many of these rows, drawn at random.", valueName: "n"))
  var samples = 128

  @Option(
    help: ArgumentHelp(
      "Finer types for the weights that gain most by it, until the file is that much larger, such as +10% (with feedback).",
      valueName: "+n%"))
  var budget: MergeBudget?

  @Option(
    help: ArgumentHelp(
      "Held-out rows: the loss of base, base with adapter and merged model is measured.",
      valueName: "file"),
    completion: .file())
  var test: String?

  @OptionGroup var templates: TemplateOptions

  @Option(
    help: ArgumentHelp("Write what the merge cost as one JSON document.", valueName: "file"),
    completion: .file())
  var json: String?

  @Flag(help: "Replace an existing output file.")
  var overwrite = false

  @Flag(help: "No progress on stderr.")
  var quiet = false

  func validate() throws {
    if samples < 1 { throw ValidationError("--samples must be 1 or more") }
    if method == .round, !data.isEmpty {
      throw ValidationError("--data is what --method feedback measures: leave one of them out")
    }
  }

  func run() throws {
    guard let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] else {
      throw UsageError("no model given: add -m base.gguf or set SCION_MODEL")
    }
    let inputs = [path, adapter] + data + [test].compactMap(\.self)
    try OutputPath.check(output, .gguf, overwrite: overwrite, inputs: inputs)
    try OutputPath.checkApart([output] + [json].compactMap(\.self), inputs: inputs)
    if let json { try OutputKind.merge.check(json) }
    let base = try GGUFFile(path: path)
    let adapter = try Adapter(path: adapter, base: base)
    let began = ContinuousClock.now
    var reporter = TerminalReporter(quiet: quiet)
    let interrupt = InterruptFlag()
    // What can be refused is refused before anything long begins.
    let recipe = try? FineTuneRecipe(contentsOf: "\(self.adapter)/recipe.yaml")
    let measured = try test.map {
      try HeldOutLosses($0, base, adapter, templates, recipe, &reporter)
    }
    var rounding = try rounding(base, adapter, recipe, &reporter)
    if budget != nil, rounding == nil {
      throw UsageError(
        "--budget spends its bytes by --method feedback: add --data, or leave it out")
    }
    var promoted: [String: BlockFormat] = [:]
    if let budget, let first = rounding {
      promoted = try promote(budget, base, adapter, first, interrupt, &reporter)
      // The next pass over the blocks begins at the first.
      var silent = TerminalReporter(quiet: true)
      rounding = try self.rounding(base, adapter, recipe, &silent)
    }
    var report = MergeReport(type: type, method: rounding == nil ? .round : .feedback)
    var merger = try Merger(
      base: base, adapter: adapter, type: type, output: output, name: name, rounding: rounding,
      promoted: promoted)
    merger.stop = interrupt.stop
    for notice in merger.plan.notices { reporter.warn(notice) }
    do {
      while let step = try merger.next() {
        report.add(step)
        reporter.progress("merge \(step.index + 1)/\(step.count)  \(step.entry.tensor.name)")
        if interrupt.isSet { throw TrainingError.stopped }
      }
    } catch TrainingError.stopped {
      reporter.closeLine()
      throw Interrupted(description: "interrupted: \(output) was not written")
    }
    try merger.finish()
    reporter.closeLine()
    if let notice = report.methodNotice { reporter.warn(notice) }
    report.inputTokens = rounding?.tokenCount
    report.damping = rounding.map { Double($0.damping) }
    report.bytesBefore = base.byteCount
    report.bytesAfter = try GGUFFile(path: output).byteCount
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    reporter.say(
      String(
        format: "merged %d tensors in %.1f s, peak memory %@", report.tensors.count, seconds,
        bytesText(ProcessMemory.peak)))
    report.losses = try measured?.measure(merged: output, interrupt, &reporter)
    if let json { try AtomicFile.write(path: json, text: EvaluationText.mergeReport(report)) }
    try StandardStreams.result(MergeText.summary(report, output: output))
    if let warning = report.warning { reporter.warn(warning) }
  }

  /// The formats of the weights that --budget makes finer.
  private func promote(
    _ budget: MergeBudget, _ base: GGUFFile, _ adapter: Adapter, _ rounding: FeedbackRounding,
    _ interrupt: InterruptFlag, _ reporter: inout TerminalReporter
  ) throws -> [String: BlockFormat] {
    do {
      let promotion = try Promotion(
        base: base, adapter: adapter, type: type, rounding: rounding, stop: interrupt.stop
      ) { name, done, count in
        reporter.progress("measure \(done)/\(count)  \(name)")
      }
      reporter.closeLine()
      let plain = try MergePlan(base: base, adapter: adapter, type: type).byteCount
      let formats = promotion.formats(budget: Int(Double(plain) * budget.share))
      let counts = Dictionary(formats.values.map { ($0.name, 1) }, uniquingKeysWith: +)
      let text = counts.sorted { $0.key < $1.key }.map { "\($0.value) become \($0.key)" }
      reporter.say(
        "scion: of \(promotion.count) weights "
          + (text.isEmpty ? "none fits a finer type into --budget" : text.joined(separator: ", ")))
      return formats
    } catch TrainingError.stopped {
      reporter.closeLine()
      throw Interrupted(description: "interrupted: \(output) was not written")
    }
  }

  /// What rounds with error feedback, where it is asked for, or the type has less than 8 bits and there is text to measure on.
  private func rounding(
    _ base: GGUFFile, _ adapter: Adapter, _ recipe: FineTuneRecipe?,
    _ reporter: inout TerminalReporter
  ) throws -> FeedbackRounding? {
    let plan = try MergePlan(base: base, adapter: adapter, type: type)
    let isCoarse = plan.entries.contains { $0.isAdapted && ($0.format?.bitsPerValue ?? 32) < 8 }
    guard method == .feedback || method == nil && (isCoarse || !data.isEmpty || budget != nil)
    else { return nil }
    let recorded = (recipe?.data ?? []).compactMap { try? DataPart($0).path }
    let found = recorded.filter { FileManager.default.fileExists(atPath: $0) }
    if data.isEmpty, found.count < recorded.count {
      let missing = recorded.filter { !found.contains($0) }
      reporter.warn("of the run's training data not there: \(missing.joined(separator: ", "))")
    }
    let paths = data.isEmpty ? found : data
    guard !paths.isEmpty else {
      guard method == nil else {
        throw UsageError("--method feedback needs text like that of the training: add --data")
      }
      reporter.warn(
        "each value is rounded for itself, which erases much of the adapter below 8 bits: add --data with rows "
          + "like those of the training for --method feedback")
      return nil
    }
    let loaded = try LoadedModel(base)
    let builder = SequenceBuilder(
      loaded, template: templates.template(of: recipe), clock: templates.clock(of: recipe),
      sequenceLength: min(recipe?.seqLen ?? 1024, loaded.model.configuration.contextLength))
    let rows = try Dataset(
      paths: try paths.flatMap { try DataSource(path: DataPart($0).path).train },
      builder: builder, skipBad: recipe?.skipBad ?? false)
    for notice in rows.notices { reporter.warn(notice) }
    let chosen = try InitializationOrder.random.sample(samples, of: rows.sequences.count, seed: 42)
    let rounding = try FeedbackRounding(
      loaded, adapter, sequences: chosen.map { rows.sequences[$0] },
      spillDirectory: FileManager.default.temporaryDirectory.path)
    reporter.say(
      "scion: feedback over \(chosen.count) rows, \(rounding.tokenCount) tokens, of "
        + paths.joined(separator: ", "))
    return rounding
  }
}

extension RoundingMethod: ExpressibleByArgument {}

/// How much larger a file may become: `+10%`, or `10%`.
struct MergeBudget: ExpressibleByArgument {
  /// 0.1 of +10%.
  let share: Double

  init?(argument: String) {
    guard argument.hasSuffix("%"), let percent = Double(argument.dropLast()), percent > 0,
      percent <= 1000
    else { return nil }
    share = percent / 100
  }
}

extension MergeType: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }

  public static var allValueStrings: [String] { names }

  public var defaultValueDescription: String { name }
}
