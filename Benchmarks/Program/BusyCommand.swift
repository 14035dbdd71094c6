import ArgumentParser
import FineTuning
import Foundation
import Inference
import Tensors

/// `scion-bench busy`: speed beside other processes of equal priority, as a share of the fair share.
///
/// With t threads on c cores beside b processes of one busy thread each, the scheduler owes each thread
/// min(1, c / (t + b)) of a core; alone it is min(1, c / t). The fair share of the speed alone is the ratio of both. On two
/// cores with two threads: 67 % beside one, 50 % beside two.
struct BusyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "busy",
    abstract: "Training and generation beside 1 and 2 busy processes; two trainings at once.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @Option(
    help: ArgumentHelp("One step's sequences and their length, as `train`.", valueName: "SxL"))
  var size = "4x128"

  @Option(help: "Seconds of each measurement, at least.")
  var seconds = 2.0

  func run() throws {
    try options.apply()
    let table = options.table()
    let path = try modelOption.path()
    let (sequences, length) = try TrainCommand.sequencesAndLength(size)
    let setup = try TrainingSetup(path: path, sequences: sequences, length: length)
    let session = try GenerationSession(
      try LoadedModel(path: path), storage: ComputeType.auto.storage, contextLength: 136)
    let step = {
      _ = try setup.trainer.step(setup.batches, learningRate: 1e-6)
      return sequences * length
    }
    var draw = 0
    let answer = {
      draw += 1
      try session.start(
        prompt: GenerateCommand.ids(1, draw, of: session), GenerationOptions(maxTokens: 64))
      while try session.next() != nil {}
      return max(session.report.generatedTokens, 1)
    }
    // The first calls read the file and touch all memory.
    _ = try step()
    _ = try answer()
    try setup.check()
    try measure("train \(size)", "busy/train/\(size)", table, step)
    try measure("generate 64", "busy/generate", table, answer)
    try measureTwo(path, table, step)
  }

  /// Tokens a second of `work`, which returns how many it did.
  private func rate(_ work: () throws -> Int) throws -> Double {
    let start = options.clock.now
    var tokens = 0
    repeat { tokens += try work() } while options.clock.now < start + seconds
    return Double(tokens) / (options.clock.now - start)
  }

  /// The part of the speed alone that is owed beside `busy` threads of others.
  static func fairShare(threads: Int, cores: Int, busy: Int) -> Double {
    func owed(_ all: Int) -> Double { min(1, Double(cores) / Double(all)) }
    return owed(threads + busy) / owed(threads)
  }

  private func measure(
    _ title: String, _ name: String, _ table: ResultTable, _ work: () throws -> Int
  ) throws {
    var alone = Samples()
    var shares = [Samples(), Samples()]
    for _ in 0..<options.rounds {
      let quiet = try rate(work)
      alone.append(quiet)
      for busy in 1...2 {
        var rivals: [pid_t] = []
        defer { for rival in rivals { try? ChildProcess.stop(rival) } }
        for _ in 0..<busy { rivals.append(try ChildProcess.start(["rival"])) }
        usleep(100_000)
        let fair = Self.fairShare(
          threads: Processor.threads, cores: ProcessInfo.processInfo.activeProcessorCount,
          busy: busy)
        shares[busy - 1].append(100 * (try rate(work)) / quiet / fair)
      }
    }
    var text = "\(ResultTable.text(alone.median)) tokens/s alone"
    try table.record(name, alone.median, "tokens/s")
    for busy in 1...2 {
      let share = shares[busy - 1]
      text +=
        "; beside \(busy) busy \(ResultTable.text(share.median)) % of the fair share "
        + "(\(ResultTable.text(share.least)) to \(ResultTable.text(share.greatest)))"
      try table.record("\(name)/\(busy)", share.median, "% of the fair share")
    }
    table.say(
      "\(title), \(Processor.instructionSet.name), \(Processor.threads) threads: " + text)
  }

  /// Two trainings at once: together, as a share of one alone.
  private func measureTwo(
    _ path: String, _ table: ResultTable, _ step: () throws -> Int
  ) throws {
    let file = FileManager.default.temporaryDirectory.appending(
      path: "scion-bench-\(ProcessInfo.processInfo.processIdentifier)-steps")
    defer { try? FileManager.default.removeItem(at: file) }
    var together = Samples()
    let tokens = Double(try step())
    for _ in 0..<options.rounds {
      let alone = try rate(step)
      try Data().write(to: file)
      let rival = try ChildProcess.start(
        ["rival"] + options.arguments + ["--model", path, "--size", size, "--steps", file.path])
      defer { try? ChildProcess.stop(rival) }
      // Its first step reads the file.
      let latest = options.clock.now + 60
      while try Self.times(file).isEmpty, options.clock.now < latest { usleep(20_000) }
      // Until the other has done four steps too, or a minute, since a rival that has died does none.
      let start = options.clock.now
      var (end, count, times) = (start, 0.0, [Double]())
      repeat {
        count += Double(try step())
        end = options.clock.now
        times = try Self.times(file).filter { (start...end).contains($0) }
      } while end < start + seconds || times.count < 5 && end < start + 60
      guard let first = times.first, let last = times.last, last > first else {
        throw BenchmarkError("the other training has come to a halt")
      }
      let one = count / (end - start)
      let other = tokens * Double(times.count - 1) / (last - first)
      together.append(100 * (one + other) / alone)
    }
    table.say(
      "two trainings \(size) at once: together \(ResultTable.text(together.median)) % of one alone "
        + "(\(ResultTable.text(together.least)) to \(ResultTable.text(together.greatest)))")
    try table.record("busy/two/\(size)", together.median, "% of one alone")
  }

  private static func times(_ file: URL) throws -> [Double] {
    // The last line may be half written.
    try String(contentsOf: file, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false
    ).dropLast().compactMap { Double($0) }
  }
}
