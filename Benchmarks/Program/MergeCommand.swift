import ArgumentParser
import FineTuning
import Foundation
import Inference
import ModelFiles
import Tensors
import Transformer

/// `scion-bench merge`: base + adapter → GGUF, as seconds and peak memory.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Merging an adapter of rank 8: seconds, peak memory.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption

  @Option(
    help: ArgumentHelp(
      "Types to merge to, by commas, each in a process of its own.", valueName: "types"))
  var types = "q8_0,keep"

  func run() throws {
    try options.apply()
    let path = try modelOption.path()
    let names = types.split(separator: ",").map { String($0) }
    if names.count > 1 {
      for name in names {
        try ChildProcess.run(
          ["merge"] + options.arguments + ["--model", path, "--types", name])
      }
      return
    }
    guard let type = MergeType(types) else {
      throw ValidationError(
        "--types: \(types) is none of \(MergeType.names.joined(separator: ", "))")
    }
    try measure(path, type)
  }

  private func measure(_ path: String, _ type: MergeType) throws {
    let table = options.table()
    let base = try GGUFFile(path: path)
    let adapter = Self.adapter(try ModelConfiguration(base))
    let output = FileManager.default.temporaryDirectory.appending(
      path: "scion-bench-\(ProcessInfo.processInfo.processIdentifier).gguf"
    ).path
    defer { try? FileManager.default.removeItem(atPath: output) }
    var samples = Samples()
    for _ in 0..<options.rounds {
      samples.append(
        try options.clock.seconds {
          var merger = try Merger(base: base, adapter: adapter, type: type, output: output)
          while try merger.next() != nil {}
          try merger.finish()
        })
    }
    let memory = ProcessMemory.peak
    try check(base, adapter, output)
    table.say(
      "merge \(ResultTable.pad(type.name, 6)) \(ResultTable.text(samples.median)) s "
        + "(\(ResultTable.text(samples.least)) to \(ResultTable.text(samples.greatest))), "
        + "\(memory / 1_000_000) MB")
    try table.record("merge", format: type.name, samples.median, "s")
    try table.record("merge", format: type.name, Double(memory) / 1e6, "MB peak resident")
  }

  /// Random pairs of rank 8 for all projections.
  private static func adapter(_ configuration: ModelConfiguration) -> Adapter {
    var generator = RandomGenerator(seed: 7).stream("adapter")
    let rank = TrainingSetup.rank
    let tensors = (0..<configuration.layerCount).flatMap { layer in
      configuration.projections.map { projection in
        let (out, `in`) = configuration.shape(of: projection)
        return AdapterTensors(
          layer: layer, projection: projection, rank: rank, inputWidth: `in`, outputWidth: out,
          a: generator.uniforms(rank * `in`, bound: 0.05),
          bt: generator.uniforms(rank * out, bound: 0.05))
      }
    }
    return Adapter(
      tensors: tensors, alpha: 16, isRankStabilized: true,
      architecture: configuration.architecture)
  }

  /// Throws unless rows of the first adapted matrix in the output are base + s·B·A within the rounding of its format
  /// (a 4-bit step is some 8 % of a value's size, in the norm).
  private func check(_ base: GGUFFile, _ adapter: Adapter, _ output: String) throws {
    let pair = adapter.tensors[0]
    let before = try base.matrix(pair.tensorName)
    let after = try GGUFFile(path: output).matrix(pair.tensorName)
    for row in [0, before.rows - 1] {
      var wanted = Codec.decode(before, rows: row..<row + 1)
      for component in 0..<pair.rank {
        let b = adapter.scale(rank: pair.rank) * pair.bt[component * pair.outputWidth + row]
        for column in 0..<pair.inputWidth {
          wanted[column] += b * pair.a[component * pair.inputWidth + column]
        }
      }
      let error = GemmCase.relativeError(Codec.decode(after, rows: row..<row + 1), wanted)
      guard error < 0.15 else {
        throw BenchmarkError("\(output) is wrong: row \(row) differs by \(error)")
      }
    }
  }
}
