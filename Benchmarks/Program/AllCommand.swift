import ArgumentParser
import Tensors

/// `scion-bench all`: every benchmark, each in a process of its own.
struct AllCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all",
    abstract: "All benchmarks one after the other; gemm on this machine's best tier and on AVX2.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @Option(help: ArgumentHelp("Formats of gemm, by commas (default: all).", valueName: "names"))
  var formats: String?

  /// What is measured of gemm on a tier that is not the machine's own.
  private static let commonFormats = "q4_0,q4_1,q4_k,q6_k,q8_0"

  func run() throws {
    try options.apply()
    let model = ["--model", try modelOption.path()]
    let best = try options.instructionSets()
    // What most laptops have is measured too, wherever it can run.
    let other = Processor.InstructionSet.avx2
    let tiers = best + (options.isa == nil && best != [.avx2] && other.isAvailable ? [other] : [])
    for tier in tiers {
      Processor.instructionSet = tier
      try ChildProcess.run(["peak"] + options.arguments(isa: tier))
      let chosen = formats ?? (best.contains(tier) ? nil : Self.commonFormats)
      let gemm = ["gemm"] + options.arguments(isa: tier) + (chosen.map { ["--formats", $0] } ?? [])
      try ChildProcess.run(gemm)
      if MachinePeak.Arithmetic.int8.isAvailable {
        try ChildProcess.run(gemm + ["--compute", "int8", "--goal", "60", "--small-goal", "35"])
      }
      if Processor.trainsFasterInInt8 {
        try ChildProcess.run(["compute"] + options.arguments(isa: tier) + model)
      }
      try ChildProcess.run(["short"] + options.arguments(isa: tier) + model)
      try ChildProcess.run(["gradients"] + options.arguments(isa: tier) + model)
    }
    for benchmark in ["train", "init", "generate", "batch", "merge", "busy"] {
      try ChildProcess.run([benchmark] + options.arguments + model)
    }
  }
}
