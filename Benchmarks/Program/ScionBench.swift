import ArgumentParser

/// The benchmarks' command line: one benchmark a verb. Each figure of speed comes with the machine's peak of the same run.
@main
struct ScionBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scion-bench",
    abstract: "Measure Scion against what the machine can do.",
    discussion: """
      Tables go to stdout; --csv FILE adds rows of commit,benchmark,format,isa,threads,value,unit. Every figure is the \
      median over the rounds, interleaved with the machine's peak on the same threads; results are checked in the run \
      that is timed, and a wrong one ends the program with exit code 1.
      """,
    subcommands: [
      PeakCommand.self, GemmCommand.self, TrainCommand.self, ComputeCommand.self,
      ShortCommand.self, GradientsCommand.self, InitCommand.self, GenerateCommand.self,
      BatchCommand.self, MergeCommand.self,
      BusyCommand.self, RivalCommand.self, AllCommand.self,
    ]
  )
}
