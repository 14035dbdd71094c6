import Foundation
import Testing

@testable import Tensors

@Suite struct RandomizedSVDTests {
  /// The spectra of the design page, i from 1.
  enum Spectrum: String, CaseIterable {
    case slow, harmonic, exponential

    func value(_ i: Int) -> Float {
      switch self {
      case .slow: 1 / Float(i).squareRoot()
      case .harmonic: 1 / Float(i)
      case .exponential: exp(-Float(i) / 10)
      }
    }
  }

  /// Orthonormal singular vectors with a given spectrum: all factors known exactly.
  static func triplets(
    _ m: Int, _ n: Int, count: Int? = nil, _ value: (Int) -> Float
  ) throws -> LinearAlgebra.SingularValues<Float> {
    var draws = RandomGenerator(seed: 1)
    let k = count ?? min(m, n)
    return LinearAlgebra.SingularValues(
      ut: try LinearAlgebra.orthonormalRows(.gaussian(rows: k, columns: m, from: &draws)),
      values: (1...k).map(value),
      vt: try LinearAlgebra.orthonormalRows(.gaussian(rows: k, columns: n, from: &draws)))
  }

  /// Factors with `Σ DᵀX = U S Vᵀ`, in two micro-batches cut at `cut`.
  static func factors(
    _ triplets: LinearAlgebra.SingularValues<Float>, type: ElementType, cut: Int
  ) throws -> [FactorOperator.Factor] {
    let roots = triplets.values.map { $0.squareRoot() }
    let d = triplets.ut.scalingRows(by: roots)
    let x = triplets.vt.scalingRows(by: roots)
    let arena = try Arena(
      "test factors", byteCount: 4 * (d.values.count + x.values.count) + 256)
    let dMatrix = arena.allocate(rows: d.rows, columns: d.columns, type: type)
    let xMatrix = arena.allocate(rows: x.rows, columns: x.columns, type: type)
    dMatrix.assign(d.values)
    xMatrix.assign(x.values)
    return [0..<cut, cut..<d.rows].map {
      FactorOperator.Factor(d: dMatrix.rows($0), x: xMatrix.rows($0))
    }
  }

  private func sumOfSquares(_ values: [Float]) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }
  }

  @Test(arguments: Spectrum.allCases, [false, true])
  func findsTheLeadingSubspacesOfTheDenseSVD(spectrum: Spectrum, dense: Bool) throws {
    let known = try Self.triplets(150, 120, spectrum.value)
    let gradient = known.product()
    let rank = 8
    let svd = RandomizedSVD(rank: rank)
    let generator = RandomGenerator(seed: 3)
    let found =
      dense
      ? try svd.decompose(DenseGradientOperator(gradient), generator: generator)
      : try svd.decompose(
        FactorOperator(Self.factors(known, type: .float32, cut: 37)), generator: generator)
    let low = found.triplets.product()
    let exact = known.truncated(to: rank)
    let efficiency =
      low.innerProduct(gradient) / low.frobeniusNorm / exact.product().frobeniusNorm
    #expect(efficiency >= 0.995)
    // Cosines of the principal angles.
    for (a, b) in [(found.triplets.vt, exact.vt), (found.triplets.ut, exact.ut)] {
      let cosines = try LinearAlgebra.singularValues(a.times(b, transposeOther: true)).values
      #expect(cosines[rank - 1] >= (spectrum == .slow ? 0.95 : 0.999))
    }
    for (a, b) in zip(found.triplets.values, exact.values) { #expect(abs(a - b) < 0.01 * b) }
    let total = sumOfSquares(known.values)
    #expect(found.isNormExact == dense)
    #expect(abs(found.squaredNorm - total) < (dense ? 1e-5 : 0.1) * total)
    #expect(abs(found.capturedShare - sumOfSquares(exact.values) / total) < 0.05)
  }

  @Test func probesEstimateTheNormWithoutBias() throws {
    let known = try Self.triplets(60, 50, Spectrum.slow.value)
    let factors = FactorOperator(try Self.factors(known, type: .float32, cut: 20))
    let total = sumOfSquares(known.values)
    let svd = RandomizedSVD(rank: 2, oversampling: 2, iterations: 0, probes: 4)
    var mean = 0.0
    for seed in 0..<40 {
      let found = try svd.decompose(factors, generator: RandomGenerator(seed: UInt64(seed)))
      #expect(!found.isNormExact)
      mean += found.squaredNorm / 40
    }
    #expect(abs(mean - total) < 0.05 * total)
  }

  @Test func bfloat16FactorsDoNotRoundTheThinMatrices() throws {
    let known = try Self.triplets(300, 90, count: 40, Spectrum.slow.value)
    let factors = try Self.factors(known, type: .bfloat16, cut: 11)
    let factorOperator = FactorOperator(
      factors.map { FactorOperator.Factor(d: $0.d, x: $0.x, scale: -0.5) })
    var gradient = DenseMatrix<Float>(rows: 300, columns: 90)
    for factor in factors {
      gradient = gradient.adding(
        DenseMatrix(factor.d).times(DenseMatrix(factor.x), transposeSelf: true), times: -0.5)
    }
    let dense = DenseGradientOperator(gradient)
    var draws = RandomGenerator(seed: 9)
    let zt = DenseMatrix<Float>.gaussian(rows: 5, columns: 90, from: &draws)
    let yt = DenseMatrix<Float>.gaussian(rows: 5, columns: 300, from: &draws)
    let forward = try factorOperator.apply(zt)
    let backward = try factorOperator.applyTransposed(yt)
    #expect(
      forward.adding(dense.apply(zt), times: -1).frobeniusNorm < 1e-5 * forward.frobeniusNorm)
    #expect(
      backward.adding(dense.applyTransposed(yt), times: -1).frobeniusNorm
        < 1e-5 * backward.frobeniusNorm)
  }

  @Test func panelsCoverAllTokens() throws {
    // So wide that a panel holds 16 tokens only.
    let known = try Self.triplets(9_000, 40, count: 39, Spectrum.harmonic.value)
    let factors = FactorOperator(try Self.factors(known, type: .bfloat16, cut: 20))
    let found = try RandomizedSVD(rank: 4).decompose(factors, generator: RandomGenerator(seed: 1))
    for (a, b) in zip(found.triplets.values, known.values) { #expect(abs(a - b) < 0.01 * b) }
  }

  @Test func rankIsClampedToTheTokens() throws {
    let known = try Self.triplets(30, 20, count: 3, Spectrum.harmonic.value)
    let factors = FactorOperator(try Self.factors(known, type: .float32, cut: 1))
    let found = try RandomizedSVD(rank: 8).decompose(factors, generator: RandomGenerator(seed: 1))
    #expect(found.triplets.values.count == 3 && found.isNormExact)
    #expect(abs(found.capturedShare - 1) < 1e-5)
    let error = found.triplets.product().adding(known.product(), times: -1)
    #expect(error.frobeniusNorm < 1e-5)
  }

  @Test func sameSeedGivesTheSameBytes() throws {
    let known = try Self.triplets(64, 48, Spectrum.slow.value)
    let dense = DenseGradientOperator(known.product())
    let svd = RandomizedSVD(rank: 4)
    let first = try svd.decompose(dense, generator: RandomGenerator(seed: 1))
    #expect(try svd.decompose(dense, generator: RandomGenerator(seed: 1)) == first)
    #expect(try svd.decompose(dense, generator: RandomGenerator(seed: 2)) != first)
  }

  @Test func aZeroOperatorHasZeroSingularValues() throws {
    let zero = DenseGradientOperator(DenseMatrix(rows: 12, columns: 30))
    let found = try RandomizedSVD(rank: 4).decompose(zero, generator: RandomGenerator(seed: 1))
    #expect(found.triplets.values == [0, 0, 0, 0] && found.capturedShare == 0)
  }
}
