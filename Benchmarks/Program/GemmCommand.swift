import ArgumentParser
import FineTuning
import Tensors

/// `scion-bench gemm`: the products with quantized weights, as shares of the peak measured right before and after.
struct GemmCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gemm",
    abstract: "Products with quantized weights, both directions: GFLOP/s and share of peak.")

  @OptionGroup var options: MeasureOptions

  @Option(help: ArgumentHelp("Block formats, by commas (default: all).", valueName: "names"))
  var formats: String?

  @Option(help: ArgumentHelp("Shapes out x in, by commas (default: see README).", valueName: "OxI"))
  var shapes: String?

  @Option(
    help: ArgumentHelp(
      "Type of activations: auto (as training), bf16, f32; int8 for the int8 product (forward alone).",
      valueName: "type"))
  var compute = ComputeType.auto

  @Option(
    help: ArgumentHelp("Marks shares below this percentage at 512 tokens or more.", valueName: "n"))
  var goal = 80.0

  @Option(help: ArgumentHelp("The same for fewer tokens.", valueName: "n"))
  var smallGoal = 45.0

  @Flag(
    help:
      "Empty the caches before each product (untimed): training comes by a weight once a micro-batch."
  )
  var cold = false

  /// Least time of one timed measurement: below it a product is repeated.
  private static let leastSeconds = 0.005

  func run() throws {
    try options.apply()
    let table = options.table()
    let formats = try chosenFormats()
    let shapes = try chosenShapes()
    let evictor = cold ? try ReadMeter(clock: options.clock, byteCount: 128 << 20) : nil
    table.say(
      "isa         format  product                                   GFLOP/s   of peak  (spread)")
    for set in try options.instructionSets() {
      Processor.instructionSet = set
      let limit: MachinePeak.Arithmetic =
        compute == .int8 ? .int8 : PeakMeter.limit(compute.storage)
      guard let meter = PeakMeter(limit, clock: options.clock) else {
        continue
      }
      for format in formats {
        let own =
          shapes ?? GemmShape.small + (Self.isOfHeads(format) ? [GemmShape.head] : [])
          + (Self.isOfLargeModels(format) ? GemmShape.large : [])
        for shape in own where shape.in % max(format.blockLength, 32) == 0 {
          try measure(
            try GemmCase(
              shape, format, storage: compute.storage, arithmetic: compute.arithmetic),
            meter, evictor, table)
        }
      }
    }
  }

  /// Rounds go over all sizes and directions of a weight; each measurement stands between two of the peak.
  private func measure(
    _ gemm: GemmCase, _ meter: PeakMeter, _ evictor: ReadMeter?, _ table: ResultTable
  ) throws {
    struct Entry {
      let direction: GemmDirection
      let tokens: Int
      let repetitions: Int
      var rates = Samples()
      var shares = Samples()
    }
    var entries: [Entry] = []
    for direction in GemmDirection.allCases {
      for tokens in GemmShape.tokens {
        // The first run reads the weights in and decides how often a round repeats.
        gemm.run(direction, tokens: tokens)
        let seconds = options.clock.seconds { gemm.run(direction, tokens: tokens) }
        try gemm.check(direction, tokens: tokens)
        entries.append(
          Entry(
            direction: direction, tokens: tokens,
            repetitions: Int((Self.leastSeconds / seconds).rounded(.up))))
      }
    }
    for _ in 0..<options.rounds {
      var before = meter.measure()
      for index in entries.indices {
        let entry = entries[index]
        var seconds = 0.0
        if let evictor {
          for _ in 0..<entry.repetitions {
            _ = evictor.measure()
            seconds += options.clock.seconds { gemm.run(entry.direction, tokens: entry.tokens) }
          }
        } else {
          seconds = options.clock.seconds {
            for _ in 0..<entry.repetitions { gemm.run(entry.direction, tokens: entry.tokens) }
          }
        }
        let after = meter.measure()
        let rate = gemm.operations(tokens: entry.tokens) * Double(entry.repetitions) / seconds
        entries[index].rates.append(rate / 1e9)
        entries[index].shares.append(100 * rate / ((before + after) / 2))
        before = after
      }
    }
    let format = gemm.weight.format.name
    for entry in entries {
      let name =
        (compute == .int8 ? "gemm-int8" : "gemm") + (cold ? "-cold" : "")
        + "/\(entry.direction)/\(gemm.shape.text)/T\(entry.tokens)"
      let isBelow = entry.shares.median < (entry.tokens < 512 ? smallGoal : goal)
      table.say(
        ResultTable.pad(Processor.instructionSet.name, 12) + ResultTable.pad(format, 8)
          + ResultTable.pad(name, 40)
          + ResultTable.pad(ResultTable.text(entry.rates.median), -9)
          + ResultTable.pad(ResultTable.text(entry.shares.median), -8) + " %  "
          + "(\(ResultTable.text(entry.shares.least)) to "
          + "\(ResultTable.text(entry.shares.greatest)))" + (isBelow ? "  below goal" : ""))
      try table.record(name, format: format, entry.rates.median, "GFLOP/s")
      try table.record(
        name, format: format, entry.shares.median, "% of \(meter.arithmetic.name) peak")
    }
  }

  /// Formats in which quantized files usually keep their head.
  private static func isOfHeads(_ format: BlockFormat) -> Bool {
    [.q4_1, .q8_0, .q6_K].contains(format)
  }

  /// Formats in which models of billions of weights mostly come.
  private static func isOfLargeModels(_ format: BlockFormat) -> Bool {
    [.q4_K, .q8_0].contains(format)
  }

  private func chosenFormats() throws -> [BlockFormat] {
    guard let formats else { return BlockFormat.allCases }
    return try formats.split(separator: ",").map { name in
      let format = BlockFormat.allCases.first { $0.name.lowercased() == name.lowercased() }
      guard let format else { throw ValidationError("--formats: \(name) is no format of Scion") }
      return format
    }
  }

  private func chosenShapes() throws -> [GemmShape]? {
    try shapes?.split(separator: ",").map { text in
      let sizes = text.split(separator: "x").compactMap { Int($0) }
      guard sizes.count == 2, sizes.allSatisfy({ $0 > 0 && $0 % 32 == 0 }) else {
        throw ValidationError("--shapes: \(text) is not like 1536x576, in multiples of 32")
      }
      return GemmShape(sizes[0], sizes[1])
    }
  }
}
