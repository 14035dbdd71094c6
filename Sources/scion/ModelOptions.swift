public import ArgumentParser
public import FineTuning
import Foundation
import Inference
import ModelFiles
import Tensors
import Transformer

/// The flags of every command that runs a model.
struct ModelOptions: ParsableArguments {
  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp("Base model, a GGUF file (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Number types: bf16, f32 (exact, twice the memory of activations), int8 (products with the base's weights in 8-bit integers, gradients rounded at random; all else as in bf16) or auto: int8 when training, where that is faster, else bf16.",
      valueName: "type"))
  var compute: ComputeType?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads (default: the processors that this process may use, or its cores where train, plan and eval find that faster).",
      valueName: "n"))
  var threads: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How far other programs go before this one, 0 (not at all) to 19 (default: 10 when training, else 0).",
      valueName: "n"))
  var nice: Int?

  /// The path given, or that of the environment.
  func path() throws -> String {
    if let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"], !path.isEmpty {
      return path
    }
    throw UsageError("no model given: add -m base.gguf or set SCION_MODEL")
  }

  /// Applies --threads.
  func applyThreads() throws {
    guard let threads else { return }
    guard threads > 0 && threads <= 1024 else {
      throw UsageError("--threads \(threads) is not a number of threads: give 1 or more")
    }
    Processor.threads = threads
  }

  /// Finds the number of threads by a trial where nobody has said it, and says why it is not every processor.
  func settleThreads(for loaded: LoadedModel, _ reporter: inout TerminalReporter) throws {
    guard threads == nil else { return }
    if let notice = try ThreadChoice.settle(for: loaded.model, storage: storage) {
      reporter.say("scion: \(notice)")
    }
  }

  /// Applies --nice.
  func applyNice() throws {
    guard let nice else { return }
    guard (0...19).contains(nice) else {
      throw UsageError("--nice \(nice) is not a niceness: give 0 to 19")
    }
    ProcessPriority.lower(to: nice)
  }

  /// Opens the model, threads and niceness applied, and says what of its settings is left aside.
  func load() throws -> LoadedModel {
    try applyThreads()
    try applyNice()
    let loaded = try LoadedModel(path: path(), arithmetic: (compute ?? .auto).arithmetic)
    var reporter = TerminalReporter()
    for notice in loaded.model.configuration.notices { reporter.warn(notice) }
    return loaded
  }

  var storage: ElementType { (compute ?? .auto).storage }
}

extension ComputeType: ExpressibleByArgument {}
