import ArgumentParser
import Foundation
import Tensors

/// `scion-bench rival`: what `busy` measures beside. It ends with the process that started it.
struct RivalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rival", abstract: "Keeps cores busy, for `busy`.", shouldDisplay: false)

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @Option(help: "Trains steps of this size, as `train --size`, in place of one thread in a loop.")
  var size: String?

  @Option(help: "Takes a line for each step: seconds on the monotonic clock.")
  var steps: String?

  func run() throws {
    try options.apply()
    let parent = getppid()
    if let size, let steps {
      let (sequences, length) = try TrainCommand.sequencesAndLength(size)
      let setup = try TrainingSetup(
        path: try modelOption.path(), sequences: sequences, length: length)
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: steps))
      while getppid() == parent {
        _ = try setup.trainer.step(setup.batches, learningRate: 1e-6)
        try file.write(contentsOf: Data("\(MeasureClock.wall.now)\n".utf8))
      }
      return
    }
    while getppid() == parent {
      let end = MeasureClock.wall.now + 0.05
      while MeasureClock.wall.now < end {}
    }
  }
}
