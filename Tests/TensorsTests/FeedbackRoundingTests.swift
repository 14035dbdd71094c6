import Testing

@testable import Tensors

/// Rounding with error feedback (feedback.c), for every format that has it and every tier.
@Suite(.serialized) struct FeedbackRoundingTests {
  private static let formats = BlockFormat.allCases.filter(\.hasFeedback)

  /// A weight, and inputs that depend on each other: every second is nearly its neighbour.
  private struct Problem {
    let rows = 35
    let columns = 512
    let weight: [Float]
    let gram: DenseMatrix<Float>

    init(isIndependent: Bool = false) {
      var generator = SampleGenerator(seed: 17)
      weight = generator.values(rows * columns).map { 0.3 * $0 }
      let samples = 700
      var x = [Float](repeating: 0, count: samples * columns)
      for sample in 0..<samples {
        var last: Float = 0
        for column in 0..<columns {
          let fresh = generator.value()
          last = column % 2 == 0 ? fresh * Float(1 + column % 7) : 0.9 * last + 0.1 * fresh
          x[sample * columns + column] = last
        }
      }
      gram =
        isIndependent
        ? DenseMatrix(diagonal: [Float](repeating: 3, count: columns))
        : DenseMatrix(rows: samples, columns: columns, values: x)
          .times(DenseMatrix(rows: samples, columns: columns, values: x), transposeSelf: true)
    }

    /// `Σ ‖(Q − T)·x‖²` in float64, of H with λ on its diagonal.
    func error(_ found: [Float], damping: Float) -> Double {
      let mean = (0..<columns).reduce(0.0) { $0 + Double(gram[$1, $1]) } / Double(columns)
      let difference = DenseMatrix(
        rows: rows, columns: columns, values: zip(found, weight).map { Double($0) - Double($1) })
      let exact = DenseMatrix(rows: columns, columns: columns, values: gram.values.map(Double.init))
      return difference.times(exact).innerProduct(difference)
        + Double(damping) * mean * difference.innerProduct(difference)
    }
  }

  @Test func theseFormatsHaveIt() {
    #expect(Self.formats == [.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K])
  }

  @Test(arguments: formats)
  func outputsSufferLessThanFromRoundingToNearest(_ format: BlockFormat) throws {
    let problem = Problem()
    let factor = try InputFactor(gram: problem.gram)
    #expect(factor.damping == 1e-2)
    let nearest = Codec.decode(
      Codec.encode(problem.weight, as: format, columns: problem.columns), as: format)
    let before = problem.error(nearest, damping: factor.damping)
    var least: [Double] = []
    for isa in Compute.available {
      let (bytes, reported) = Compute.with(isa: isa) {
        Codec.encode(
          problem.weight, as: format, columns: problem.columns, feedback: factor, base: nil)
      }
      let after = problem.error(Codec.decode(bytes, as: format), damping: factor.damping)
      #expect(after < 0.6 * before, "tier \(isa): \(after) of \(before)")
      // The sum of the errors in units of U is the error of the outputs, whatever was rounded to what.
      #expect(abs(reported - after) < 0.02 * after, "tier \(isa): \(reported), \(after)")
      least.append(after)
    }
    // A sum in another order can tip a rounding, and all that follows.
    for error in least { #expect(abs(error - least[0]) < 0.1 * least[0]) }
  }

  @Test(arguments: formats)
  func independentInputsAreRoundedToNearest(_ format: BlockFormat) throws {
    let problem = Problem(isIndependent: true)
    let factor = try InputFactor(gram: problem.gram)
    let (bytes, _) = Codec.encode(
      problem.weight, as: format, columns: problem.columns, feedback: factor, base: nil)
    let found = Codec.decode(bytes, as: format)
    let nearest = Codec.decode(
      Codec.encode(problem.weight, as: format, columns: problem.columns), as: format)
    // Scales are searched too: not worse, and no value is moved for another's sake.
    #expect(
      problem.error(found, damping: factor.damping)
        <= 1.0001 * problem.error(nearest, damping: factor.damping))
    for start in stride(from: 0, to: found.count, by: 16) {
      let points = found[start..<start + 16].sorted()
      let step = zip(points, points.dropFirst()).map { $1 - $0 }.filter { $0 > 1e-7 }.min() ?? 1
      for index in start..<start + 16 {
        let isInside = problem.weight[index] > points[0] && problem.weight[index] < points[15]
        if isInside { #expect(abs(found[index] - problem.weight[index]) <= 0.501 * step) }
      }
    }
  }

  @Test(arguments: formats)
  func whatLiesOnTheGridOfTheBaseStays(_ format: BlockFormat) throws {
    let problem = Problem()
    let factor = try InputFactor(gram: problem.gram)
    let base = QuantizedMatrix.random(format, rows: 48, columns: problem.columns, seed: 3)
    let values = Codec.decode(base, rows: 13..<48)
    let (bytes, error) = Codec.encode(
      values, as: format, columns: problem.columns, feedback: factor, base: (base, 13))
    let found = Codec.decode(bytes, as: format)
    let largest = values.map(abs).max() ?? 1
    // -128 of Q8_0 is no code of its encoders.
    for (a, b) in zip(found, values) {
      #expect(abs(a - b) <= (format == .q8_0 ? 0.02 : 1e-5) * largest)
    }
    if format != .q8_0 {
      #expect(error < 1e-6 * problem.error(found.map { $0 * 2 }, damping: 0.01))
    }
  }

  @Test func rowsAndThreadsChangeNothing() throws {
    let problem = Problem()
    let factor = try InputFactor(gram: problem.gram)
    func encode(_ rows: Range<Int>) -> [UInt8] {
      Codec.encode(
        Array(
          problem.weight[rows.lowerBound * problem.columns..<rows.upperBound * problem.columns]),
        as: .q4_1, columns: problem.columns, feedback: factor, base: nil
      ).bytes
    }
    for isa in Compute.available {
      let whole = (1...3).map { threads in
        Compute.with(isa: isa, threads: Int32(threads)) { encode(0..<35) }
      }
      #expect(whole.allSatisfy { $0 == whole[0] })
      #expect(Compute.with(isa: isa) { encode(0..<9) + encode(9..<35) } == whole[0])
    }
  }

  @Test func inputsThatNeverFireOrAreNoNumbersAreNoTrap() throws {
    let problem = Problem()
    var gram = problem.gram
    for index in 0..<gram.columns {
      gram[7, index] = 0
      gram[index, 7] = 0
    }
    let factor = try InputFactor(gram: gram)
    let (bytes, error) = Codec.encode(
      problem.weight, as: .q4_0, columns: problem.columns, feedback: factor, base: nil)
    #expect(error.isFinite && Codec.decode(bytes, as: .q4_0).areFinite)
    let nothing = try InputFactor(gram: DenseMatrix(rows: 64, columns: 64))
    #expect(
      Codec.encode(
        [Float](repeating: 0.5, count: 64), as: .q5_1, columns: 64, feedback: nothing, base: nil
      ).error.isFinite)
    gram[3, 3] = .nan
    #expect(throws: TensorError.self) { _ = try InputFactor(gram: gram) }
  }
}
