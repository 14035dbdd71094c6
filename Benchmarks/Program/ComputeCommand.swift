import ArgumentParser
import FineTuning
import Tensors

/// `scion-bench compute`: training steps of each number type against bf16, in turn in one process.
struct ComputeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compute",
    abstract:
      "Training steps of every --compute against bf16, in turn: the ratio of their speeds.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @Option(
    help: ArgumentHelp("One step's sequences and their length.", valueName: "SxL"))
  var size = "8x512"

  @Option(
    help: ArgumentHelp("Number types to compare with bf16, by commas.", valueName: "types"))
  var types = "int8"

  func run() throws {
    try options.apply()
    let path = try modelOption.path()
    let (sequences, length) = try TrainCommand.sequencesAndLength(size)
    let table = options.table()
    let others = try types.split(separator: ",").map { name in
      guard let type = ComputeType(rawValue: String(name)) else {
        throw ValidationError("--types \(name) is not one of --compute's")
      }
      return type
    }
    for set in try options.instructionSets() {
      Processor.instructionSet = set
      let setups = try ([.bf16] + others).map {
        try TrainingSetup(path: path, sequences: sequences, length: length, compute: $0)
      }
      // The first step reads the file and touches all memory.
      for setup in setups { _ = try setup.trainer.step(setup.batches, learningRate: 1e-6) }
      var rates = [Samples](repeating: Samples(), count: setups.count)
      var ratios = rates
      for _ in 0..<options.rounds {
        var first = 0.0
        for (index, setup) in setups.enumerated() {
          let seconds = try options.clock.seconds {
            _ = try setup.trainer.step(setup.batches, learningRate: 1e-6)
          }
          if index == 0 { first = seconds }
          rates[index].append(Double(sequences * length) / seconds)
          ratios[index].append(first / seconds)
        }
      }
      for setup in setups { try setup.check() }
      for (index, type) in ([.bf16] + others).enumerated() {
        let name = "compute/\(type.rawValue)/\(size)"
        table.say(
          ResultTable.pad(name, 24) + "\(set.name), \(Processor.threads) threads: "
            + "\(ResultTable.text(rates[index].median)) tokens/s, "
            + "\(ResultTable.text(100 * ratios[index].median)) % of bf16 "
            + "(\(ResultTable.text(100 * ratios[index].least)) to "
            + "\(ResultTable.text(100 * ratios[index].greatest))), planned "
            + "\(setups[index].plan.total / 1_000_000) MB")
        try table.record(name, rates[index].median, "tokens/s")
        try table.record(name, 100 * ratios[index].median, "% of bf16")
      }
    }
  }
}
