import ArgumentParser
import FineTuning
import Tensors
import Transformer

/// `scion-bench gradients`: how far the adapters' gradient in bf16 and int8 is from that in fp32, and how much of it is bias.
///
/// With g the gradient in fp32 and h₁…hₙ those of n draws of the random rounding: the error is the mean of |hᵢ − g| / |g|;
/// what remains of it in the mean of all draws, |h̄ − g| / |g|, is bias and 1/√n of the noise; the slope is ⟨h̄, g⟩ / ⟨g, g⟩,
/// 1 where nothing is lost on the way.
struct GradientsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gradients",
    abstract: "The adapters' gradient of a step in bf16 and int8 against fp32: error and bias.")

  @OptionGroup var options: MeasureOptions
  @OptionGroup var modelOption: ModelOption
  @OptionGroup var rows: RealRows

  @Option(help: "Draws of the random rounding.")
  var draws = 16

  func validate() throws {
    guard draws > 1 else { throw ValidationError("--draws must be 2 or more") }
  }

  func run() throws {
    try options.apply()
    let path = try modelOption.path()
    let table = options.table()
    for set in try options.instructionSets() {
      Processor.instructionSet = set
      let exact = try gradient(rows.session(path, compute: .f32), step: 0)
      let size = norm(exact)
      for type in [ComputeType.bf16, .int8] {
        let session = try rows.session(path, compute: type)
        var error = 0.0
        var mean = [Double](repeating: 0, count: exact.count)
        // Nothing is drawn in bf16.
        let count = type == .int8 ? draws : 1
        for draw in 0..<count {
          let found = try gradient(session, step: draw)
          error += norm(zip(found, exact).map { $0 - $1 }) / size / Double(count)
          for index in mean.indices { mean[index] += found[index] / Double(count) }
        }
        let bias = norm(zip(mean, exact).map { $0 - $1 }) / size
        let slope = zip(mean, exact).reduce(0) { $0 + $1.0 * $1.1 } / (size * size)
        let name = "gradients/\(rows.batch)/\(type.rawValue)"
        table.say(
          ResultTable.pad(name, 20)
            + "\(set.name): error \(ResultTable.text(100 * error)) % of the "
            + "gradient in fp32; of the mean of \(count) draws \(ResultTable.text(100 * bias)) %; "
            + "slope \(ResultTable.text(slope))")
        try table.record("\(name)/error", 100 * error, "% of fp32's gradient")
        try table.record("\(name)/mean", 100 * bias, "% of fp32's gradient")
        try table.record("\(name)/slope", slope, "of fp32's gradient")
      }
    }
  }

  /// The gradient of the first step's rows, all adapters in one list. `step` is what the rounding draws by.
  private func gradient(_ session: FineTuneSession, step: Int) throws -> [Double] {
    let trainer = session.trainer
    guard let gradients = trainer.adapters.gradients else {
      throw BenchmarkError("the adapters cannot be trained")
    }
    gradients.clear()
    let batches = session.batchPlan.batches(0, of: session.data.train.sequences)
    let targets = batches.reduce(0) { $0 + $1.targetCount }
    var row = 0
    for var batch in batches {
      batch.rounding = GradientRounding(seed: 7, step: step, firstRow: row)
      row += batch.tokenCount
      trainer.model.forward(batch, adapters: trainer.adapters, trainer.workspace)
      _ = trainer.model.loss(
        batch, trainer.workspace, gradientWeight: 1 / Float(max(targets, 1)))
      trainer.model.backward(batch, adapters: trainer.adapters, trainer.workspace)
    }
    return gradients.array().map(Double.init)
  }

  private func norm(_ values: [Double]) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}
