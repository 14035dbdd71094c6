public import ArgumentParser
public import FineTuning
import Foundation
import Tensors

/// The options that all benchmarks share.
struct MeasureOptions: ParsableArguments {
  @Option(help: "Timed repetitions; medians are reported.")
  var rounds = 5

  @Option(
    help: ArgumentHelp(
      "Instruction sets, by commas: scalar, avx2, avx2vnni, avx512, avx512bf16, neon, neonbf16 (default: the one in use).",
      valueName: "names"))
  var isa: String?

  @Option(help: "Threads (default: all cores).")
  var threads: Int?

  @Option(help: ArgumentHelp("Adds rows to this file.", valueName: "file"))
  var csv: String?

  @Option(help: "The commit that the rows name.")
  var commit = "unknown"

  @Option(
    help: ArgumentHelp(
      "wall, or cpu: the processor time of one thread, for machines that are busy.",
      valueName: "clock"))
  var clock = MeasureClock.wall

  func validate() throws {
    guard rounds > 0 else { throw ValidationError("--rounds must be 1 or more") }
    guard (1...1024).contains(threads ?? 1) else {
      throw ValidationError("--threads must be 1 to 1024")
    }
    guard clock == .wall || threads == 1 else {
      throw ValidationError("--clock cpu needs --threads 1: waiting threads use processor time too")
    }
    _ = try instructionSets()
  }

  /// The tiers that were asked for.
  func instructionSets() throws -> [Processor.InstructionSet] {
    guard let isa else { return [Processor.instructionSet] }
    return try isa.split(separator: ",").map { name in
      let set = Processor.InstructionSet.allCases.first { $0.name == name }
      guard let set, set.isAvailable else {
        throw ValidationError(
          "--isa \(name): this machine has "
            + Processor.available.map(\.name).joined(separator: ", "))
      }
      return set
    }
  }

  /// Sets threads and, where there is one, the only tier asked for.
  func apply() throws {
    if let threads { Processor.threads = threads }
    if let first = try instructionSets().first { Processor.instructionSet = first }
  }

  func table() -> ResultTable { ResultTable(csv: csv, commit: commit) }

  /// The same options for a child process, perhaps with another number of threads or one tier.
  func arguments(
    threads: Int? = nil, isa set: Processor.InstructionSet? = nil
  ) -> [String] {
    var arguments = ["--rounds", "\(rounds)", "--commit", commit, "--clock", clock.rawValue]
    if let isa = set?.name ?? isa { arguments += ["--isa", isa] }
    if let threads = threads ?? self.threads { arguments += ["--threads", "\(threads)"] }
    if let csv { arguments += ["--csv", csv] }
    return arguments
  }

  /// The same options for a child process.
  var arguments: [String] { arguments() }
}

/// A measured result that is wrong, or a measurement that cannot be made.
struct BenchmarkError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// The model that a benchmark runs on.
struct ModelOption: ParsableArguments {
  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp("Model, a GGUF file (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  func path() throws -> String {
    guard let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] else {
      throw ValidationError("no model given: add --model base.gguf or set SCION_MODEL")
    }
    return path
  }
}

extension ComputeType: ExpressibleByArgument {}
