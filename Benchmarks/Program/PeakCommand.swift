import ArgumentParser
import Tensors

/// `scion-bench peak`: multiply-adds a second of each kind, and bytes read a second.
struct PeakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peak", abstract: "The machine's peaks: fp32, bf16, int8 and memory.")

  @OptionGroup var options: MeasureOptions

  func run() throws {
    try options.apply()
    let table = options.table()
    for set in try options.instructionSets() {
      Processor.instructionSet = set
      for arithmetic in MachinePeak.Arithmetic.allCases {
        guard let meter = PeakMeter(arithmetic, clock: options.clock) else { continue }
        var samples = Samples()
        for _ in 0..<options.rounds { samples.append(meter.measure() / 1e9) }
        try report(
          arithmetic.name, samples, arithmetic == .int8 ? "GOP/s" : "GFLOP/s", table)
      }
      let meter = try ReadMeter(clock: options.clock)
      var samples = Samples()
      for _ in 0..<options.rounds { samples.append(meter.measure() / 1e9) }
      try report("read", samples, "GB/s", table)
    }
  }

  private func report(_ name: String, _ samples: Samples, _ unit: String, _ table: ResultTable)
    throws
  {
    table.say(
      ResultTable.pad("peak \(name)", 12) + ResultTable.pad(Processor.instructionSet.name, 12)
        + ResultTable.pad(ResultTable.text(samples.median), -8) + " \(unit)  "
        + "(\(ResultTable.text(samples.least)) to \(ResultTable.text(samples.greatest)))")
    try table.record("peak/\(name)", samples.median, unit)
  }
}
