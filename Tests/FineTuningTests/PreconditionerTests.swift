import Tensors
import Testing

@testable import FineTuning

@Suite struct PreconditionerTests {
  private func random(_ rows: Int, _ columns: Int, _ seed: UInt64) -> DenseMatrix<Float> {
    var draws = RandomGenerator(seed: seed)
    return .gaussian(rows: rows, columns: columns, from: &draws)
  }

  @Test func dampedGramTimesTheResultIsTheGradient() throws {
    let (a, bt) = (random(4, 20, 1), random(4, 30, 2))
    let (gradientA, gradientBT) = (random(4, 20, 3), random(4, 30, 4))
    let scaled = try Preconditioner.scaled(
      gradientA: gradientA, gradientBT: gradientBT, a: a, bt: bt, damping: 0.1)
    for (result, factor, gradient) in [
      (scaled.a, bt, gradientA), (scaled.bt, a, gradientBT),
    ] {
      var gram = factor.gramOfRows()
      let damping = 0.1 * (gram[0, 0] + gram[1, 1] + gram[2, 2] + gram[3, 3]) / 4
      for index in 0..<4 { gram[index, index] += damping }
      let error = gram.times(result).adding(gradient, times: -1)
      #expect(error.frobeniusNorm < 1e-5 * gradient.frobeniusNorm)
    }
  }

  @Test func aZeroFactorLeavesTheOtherGradientAsItIs() throws {
    let a = random(2, 5, 1)
    let gradientA = random(2, 5, 2)
    let scaled = try Preconditioner.scaled(
      gradientA: gradientA, gradientBT: random(2, 7, 3), a: a,
      bt: DenseMatrix(rows: 2, columns: 7))
    #expect(scaled.a == gradientA && scaled.bt.values.allSatisfy { $0.isFinite })
  }

  @Test func dampingIsRelative() throws {
    func scaled(_ size: Float) throws -> DenseMatrix<Float> {
      try Preconditioner.scaled(
        gradientA: random(2, 5, 2), gradientBT: random(2, 7, 3),
        a: random(2, 5, 1).scaled(by: size), bt: random(2, 7, 4).scaled(by: size)
      ).a.scaled(by: size * size)
    }
    let difference = try scaled(1e-3).adding(scaled(1), times: -1)
    #expect(try difference.frobeniusNorm < 1e-4 * scaled(1).frobeniusNorm)
  }

  @Test func valuesThatAreNotFiniteAreAnError() {
    var a = random(2, 5, 1)
    a[1, 1] = .nan
    #expect(throws: TensorError.self) {
      try Preconditioner.scaled(
        gradientA: random(2, 5, 2), gradientBT: random(2, 7, 3), a: a, bt: random(2, 7, 4))
    }
  }
}
