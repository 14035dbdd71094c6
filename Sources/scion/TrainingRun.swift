import FineTuning
import Foundation
import Inference
import Tensors
import Transformer

/// Shows a run on the terminal: what is trained on what, then each event of its `TrainingLoop`.
struct TrainingRun {
  let session: FineTuneSession
  let loop: TrainingLoop
  /// What the loop looks at.
  let stop: StopFlag
  /// Who watches from a browser.
  let watch: RunWatch?

  private let began = ContinuousClock.now

  init(session: FineTuneSession, loop: TrainingLoop, stop: StopFlag, watch: RunWatch? = nil) {
    self.watch = watch
    self.session = session
    self.loop = loop
    self.stop = stop
  }

  /// Without pauses.
  private var elapsed: Double {
    (ContinuousClock.now - began - stop.pausedTime) / .seconds(1)
  }

  // MARK: - Before

  /// Says what will be trained on what, in how much memory.
  func describe(_ reporter: inout TerminalReporter) {
    let data = session.data
    for notice in session.notices { reporter.warn(notice) }
    for notice in data.train.notices + (data.validation?.notices ?? []) {
      reporter.warn(notice)
    }
    let layout = session.trainer.adapters.layout
    reporter.say(
      "model     \(session.loaded.model.configuration.name), "
        + bytesText(session.loaded.file.byteCount))
    reporter.say(
      "data      \(data.train.sequences.count) sequences, \(data.train.tokenCount) tokens, "
        + "\(data.train.targetCount) targets"
        + (data.validation.map { "; \($0.sequences.count) for validation" } ?? ""))
    reporter.say(
      "adapters  rank \(layout.rank), \(layout.slots.count) matrices, "
        + "\(layout.parameterCount) parameters")
    let layers = session.loaded.model.configuration.layerCount
    reporter.say("memory    \(PlanText.summary(session.memoryPlan, layers: layers))")
    reporter.say(
      "compute   \(Processor.instructionSet.name), \(Processor.threads) thread\(Processor.threads == 1 ? "" : "s"), "
        + (session.loaded.model.arithmetic == .int8 ? "int8 products, " : "")
        + (session.trainer.workspace.shape.storage == .bfloat16 ? "bf16" : "f32"))
    for notice in session.machineNotices { reporter.say("scion: \(notice)") }
  }

  // MARK: - The run

  /// Runs to the end. Throws `Interrupted` when the user ended it.
  func run(_ reporter: inout TerminalReporter) throws {
    while let event = try next(&reporter) {
      if case .interrupted(let remains) = event { throw interrupted(remains) }
      show(event, &reporter)
    }
  }

  /// An error's sentence gets a line of its own, and before it, where another try may help (a full disk), what stays.
  private func next(_ reporter: inout TerminalReporter) throws -> TrainingEvent? {
    do { return try loop.next() } catch {
      reporter.closeLine()
      if !(error is TrainingError), let checkpoint = loop.newestCheckpoint {
        reporter.say("\(checkpoint) is whole: the same command goes on from there")
      }
      throw error
    }
  }

  private func show(_ event: TrainingEvent, _ reporter: inout TerminalReporter) {
    if let words = activity(event) { watch?.say(words) }
    switch event {
    case .notice(let notice): reporter.warn(notice)
    case .machine(let finding): reporter.warn(MachineText.sentence(finding))
    case .resumed(let step, let path):
      reporter.say("resume    goes on after step \(step), from \(path)")
    case .startResumed(let blocks):
      reporter.say("start     goes on after \(blocks) blocks of an interrupted one")
    case .starting(let progress):
      // Nothing can be foretold from nothing done.
      let left =
        progress.fraction > 0
        ? "  \(clockText(seconds: elapsed * (1 - progress.fraction) / progress.fraction)) left" : ""
      reporter.progress(
        String(format: "start %3.0f %%  %@%@", progress.fraction * 100, progress.activity, left))
    case .started(let report):
      reporter.closeLine()
      for notice in report.notices { reporter.warn(notice) }
      if let summary = StartText.summary(report) { reporter.say("start     \(summary)") }
    case .validating(let done, let count):
      reporter.progress("validation \(done)/\(count)")
    case .baseValidated(let loss):
      reporter.say(String(format: "validation of the base: loss %.4f", loss))
    case .startValidated(let loss):
      reporter.say(String(format: "validation at the start: loss %.4f", loss))
    case .fitted(let step, let steps, let epochs):
      let passes = String(format: "%.2f passes over the data", epochs)
      reporter.say(
        step == 0
          ? "time      \(steps) steps fit into \(session.recipe.time?.description ?? ""): \(passes)"
          : "the speed has changed: now \(steps) steps fit, \(passes)")
    case .stepped(let status): show(status, &reporter)
    case .validated(let step, let loss, let isBest):
      reporter.say(
        String(format: "validation at step %d: loss %.4f%@", step, loss, isBest ? " (best)" : ""))
    case .searchingRate(let rate, let done, let count):
      reporter.progress(String(format: "learning rate %.3g  %d/%d", rate, done, count))
    case .rateTried(let rate, let loss):
      let verdict = loss.map { String(format: "held-out loss %.4f", $0) } ?? "breaks"
      reporter.say(String(format: "learning rate %.3g: ", rate) + verdict)
    case .rateChosen(let rate):
      reporter.say(String(format: "learning rate %.3g it is", rate))
    case .sampled(let step, let samples): show(samples, after: step, &reporter)
    case .forgetting(let perplexity, let base, let withAdapters):
      reporter.say(
        withAdapters
          ? String(
            format: "forgetting: perplexity of the general text %.3f, of the base %.3f", perplexity,
            base ?? .nan)
          : String(
            format: "forgetting: perplexity of the general text %.3f by the base", perplexity))
    case .saved(let step, let path):
      if step > 0 { reporter.say("checkpoint of step \(step): \(path)") }
    case .lostPatience(let step, let validations):
      reporter.say("stopped at step \(step): no improvement in \(validations) validations")
    case .finished(let path):
      reporter.say(
        "done in \(clockText(seconds: elapsed)), peak memory \(bytesText(ProcessMemory.peak)); "
          + "results in \(path)")
    case .interrupted: break
    }
  }

  private func show(_ status: StepStatus, _ reporter: inout TerminalReporter) {
    let step = status.report
    reporter.progress(
      stepText(status),
      every: 3600, always: step.step % session.recipe.logEvery == 0)
  }

  private func stepText(_ status: StepStatus) -> String {
    let step = status.report
    return String(
      format: "step %d/%d  loss %.4f (%.4f)  %.0f tokens/s  %@  %@ left",
      step.step, status.stepCount, step.loss, status.smoothedLoss, step.tokensPerSecond,
      memoryText, clockText(seconds: status.secondsLeft))
  }

  /// What a browser shows of the moment; nil where the last words still hold.
  private func activity(_ event: TrainingEvent) -> String? {
    switch event {
    case .starting(let progress):
      String(format: "start %.0f %%  %@", progress.fraction * 100, progress.activity)
    case .validating(let done, let count): "validation \(done)/\(count)"
    case .searchingRate(let rate, let done, let count):
      String(format: "learning rate %.3g  %d/%d", rate, done, count)
    case .stepped(let status): stepText(status)
    case .finished(let path): "done in \(clockText(seconds: elapsed)); results in \(path)"
    default: nil
    }
  }

  /// The prompt and what is wanted once, then each answer.
  private func show(_ samples: [AnswerSample], after step: Int, _ reporter: inout TerminalReporter)
  {
    func line(_ text: String) -> String {
      let flat = text.split(whereSeparator: \.isNewline).joined(separator: " ⏎ ")
      return flat.count > 300 ? "\(flat.prefix(300))…" : flat
    }
    for sample in samples {
      if step == 0 {
        reporter.say("prompt \(sample.sample + 1)  \(line(sample.prompt))")
        reporter.say("  wanted  \(line(sample.expected))")
      }
      reporter.say(
        "  \(step == 0 ? "base" : "step \(step), prompt \(sample.sample + 1)")  \(line(sample.answer))"
      )
    }
  }

  private var memoryText: String {
    let resident = bytesText(ProcessMemory.resident)
    return session.recipe.memory.map { "\(resident)/\(bytesText($0.byteCount))" } ?? resident
  }

  private func interrupted(_ remains: RunRemains?) -> Interrupted {
    guard let remains else {
      return Interrupted(
        description: "interrupted before the first step: nothing was trained"
          + (session.measuresStart ? "; the same command continues the start" : ""))
    }
    let earlier = remains.earlier.map { "; the earlier results stay in \($0)" } ?? ""
    return Interrupted(
      description: "interrupted after step \(remains.step): the same command goes on from there, "
        + "and the adapter trained so far is in \(remains.path)\(earlier)")
  }
}
