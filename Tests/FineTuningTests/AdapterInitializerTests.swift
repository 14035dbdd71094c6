import Foundation
import Tensors
import Testing

@testable import FineTuning

@Suite struct AdapterInitializerTests {
  private let matrix = AdaptedMatrix(
    name: "blk.0.attn_q", rows: 24, columns: 40, rank: 4, scale: 8)

  private func initializer(
    _ initialization: AdapterInitialization, seed: UInt64 = 1
  ) -> AdapterInitializer {
    AdapterInitializer(initialization, generator: RandomGenerator(seed: seed))
  }

  private func gradient(rank: Int = 24) -> DenseMatrix<Float> {
    var draws = RandomGenerator(seed: 3)
    let left = DenseMatrix<Float>.gaussian(rows: rank, columns: 24, from: &draws)
    let right = DenseMatrix<Float>.gaussian(rows: rank, columns: 40, from: &draws)
    return left.times(right, transposeSelf: true)
  }

  private func distance(_ x: DenseMatrix<Float>, _ y: DenseMatrix<Float>) -> Double {
    x.adding(y, times: -1).frobeniusNorm
  }

  private let identity = DenseMatrix<Float>(diagonal: [1, 1, 1, 1])

  @Test func namesAreThoseOfTheInterface() {
    let names = ["lora-one", "lora-one-a", "gaussian", "kaiming", "eva", "orthogonal"]
    #expect(AdapterInitialization.allCases.map(\.rawValue) == names)
    #expect(InitializationScale.allCases.map(\.rawValue) == ["normalized", "linesearch", "theory"])
  }

  @Test func loraOneStepsAgainstTheBestLowRankGradient() throws {
    let gradient = gradient()
    let (start, report) = try initializer(.loraOne).start(
      of: matrix, from: DenseGradientOperator(gradient))
    let exact = try LinearAlgebra.singularValues(gradient)
    let best = exact.truncated(to: 4).product().scaled(by: -1 / exact.values[0] / 128)
    let update = start.bt.times(start.a, transposeSelf: true)
    #expect(distance(update, best) < 1e-4 * best.frobeniusNorm)
    #expect(start.notice == nil && abs(start.norm - 8.0 / 128) < 1e-7)
    #expect(report.initialization == .loraOne && report.isNormExact)
    #expect(abs(report.frobeniusNorm - gradient.frobeniusNorm) < 1e-3)
    let share =
      exact.values.prefix(4).reduce(0) { $0 + Double($1 * $1) } / gradient.sumOfSquares
    #expect(abs(report.capturedShare - share) < 1e-4)
    #expect(zip(report.singularValues, exact.values).allSatisfy { abs($0 - $1) < 1e-3 * $1 })
  }

  @Test func loraOneAHasTheRowSpaceAndNoUpdate() throws {
    let (start, report) = try initializer(.loraOneA).start(
      of: matrix, from: DenseGradientOperator(gradient()))
    #expect(distance(start.a.gramOfRows(), identity) < 1e-5)
    let exact = try LinearAlgebra.singularValues(gradient()).truncated(to: 4).vt
    let inside = start.a.times(exact, transposeOther: true)
    #expect(abs(inside.sumOfSquares - 4) < 1e-3)
    #expect(start.bt.values.allSatisfy { $0 == 0 } && start.norm == 0 && report.startNorm == 0)
  }

  @Test func evaTakesTheDirectionsOfTheInputs() throws {
    var draws = RandomGenerator(seed: 6)
    let x = DenseMatrix<Float>.gaussian(rows: 60, columns: 40, from: &draws)
      .times(DenseMatrix(diagonal: (1...40).map { 1 / Float($0) }))
    let (start, _) = try initializer(.eva).start(
      of: matrix, from: DenseGradientOperator(x.times(x, transposeSelf: true)))
    let exact = try LinearAlgebra.singularValues(x).truncated(to: 4).vt
    #expect(abs(start.a.times(exact, transposeOther: true).sumOfSquares - 4) < 1e-3)
    #expect(start.norm == 0)
  }

  @Test func gaussianAndKaimingFollowPEFT() throws {
    let wide = AdaptedMatrix(name: "wide", rows: 24, columns: 2_000, rank: 4, scale: 8)
    let gaussian = try initializer(.gaussian).start(of: wide)
    let deviation = (gaussian.a.sumOfSquares / 8_000).squareRoot()
    #expect(abs(deviation - 0.25) < 0.01)
    let kaiming = try initializer(.kaiming).start(of: wide)
    let bound = 1 / Float(2_000).squareRoot()
    let largest = kaiming.a.values.map { abs($0) }.max()!
    #expect(largest <= bound && largest > 0.99 * bound)
    for start in [gaussian, kaiming] {
      #expect(start.bt.values.allSatisfy { $0 == 0 } && start.norm == 0 && start.notice == nil)
      #expect(start.scaled(by: 2) == start)
    }
  }

  @Test func orthogonalHasTheNormOfLoRAOne() throws {
    let control = try initializer(.orthogonal).start(of: matrix)
    let (start, _) = try initializer(.loraOne).start(
      of: matrix, from: DenseGradientOperator(gradient()))
    #expect(abs(control.norm - start.norm) < 1e-7)
    let update = control.bt.times(control.a, transposeSelf: true)
    let norm = try LinearAlgebra.singularValues(update).values[0]
    #expect(abs(norm - 1 / 128) < 1e-6)
    let correlation =
      update.innerProduct(gradient()) / update.frobeniusNorm / gradient().frobeniusNorm
    #expect(abs(correlation) < 0.3)
  }

  @Test(arguments: [Float(0), .nan, .infinity])
  func gradientWithoutDirectionFallsBackToGaussian(value: Float) throws {
    let values = [Float](repeating: value, count: 24 * 40)
    let (start, report) = try initializer(.loraOne).start(
      of: matrix,
      from: DenseGradientOperator(DenseMatrix(rows: 24, columns: 40, values: values)))
    #expect(start.bt.values.allSatisfy { $0 == 0 })
    #expect(start.a.values.allSatisfy { $0.isFinite } && start.a.frobeniusNorm > 0)
    let notice = try #require(report.notice)
    #expect(notice.contains("blk.0.attn_q") && start.notice == notice)
  }

  @Test func rowsBeyondTheGradientsRankCanStillLearn() throws {
    let flat = gradient(rank: 2)
    let (start, _) = try initializer(.loraOne).start(
      of: matrix, from: DenseGradientOperator(flat))
    let gram = start.a.gramOfRows()
    for row in 0..<4 {
      #expect(gram[row, row] > 0.001)
      for other in 0..<row { #expect(abs(gram[row, other]) < 1e-6) }
    }
    #expect(start.bt.prefix(2).frobeniusNorm > 0)
    #expect(start.bt.values.suffix(2 * 24).allSatisfy { $0 == 0 })
    // ΔW₀ is the gradient's own direction.
    let update = start.bt.times(start.a, transposeSelf: true)
    let best = try LinearAlgebra.singularValues(flat)
    #expect(
      distance(update, flat.scaled(by: -1 / best.values[0] / 128)) < 1e-4 * update.frobeniusNorm)
  }

  @Test func lineSearchScalesTheUpdateNotEachFactor() throws {
    let (start, _) = try initializer(.loraOne).start(
      of: matrix, from: DenseGradientOperator(gradient()))
    let doubled = start.scaled(by: 2)
    let update = start.bt.times(start.a, transposeSelf: true)
    let twice = doubled.bt.times(doubled.a, transposeSelf: true)
    #expect(distance(twice, update.scaled(by: 2)) < 1e-6)
    #expect(doubled.norm == 2 * start.norm)
    #expect(abs(doubled.a.frobeniusNorm - doubled.bt.frobeniusNorm) < 1e-5)
  }

  @Test(arguments: AdapterInitialization.allCases)
  func startsDependOnSeedAndNameAlone(initialization: AdapterInitialization) throws {
    func start(_ seed: UInt64, _ name: String) throws -> AdapterStart {
      var matrix = matrix
      matrix.name = name
      let made = initializer(initialization, seed: seed)
      switch initialization.source {
      case .nothing: return try made.start(of: matrix)
      case .gradient: return try made.start(of: matrix, from: DenseGradientOperator(gradient())).0
      case .inputs:
        let gram = gradient().times(gradient(), transposeSelf: true)
        return try made.start(of: matrix, from: DenseGradientOperator(gram)).0
      }
    }
    let first = try start(1, "q")
    #expect(try start(1, "q") == first)
    #expect(try start(1, "k") != first)
    #expect(try start(2, "q") != first)
    #expect((first.norm == 0) == initialization.leavesModelUnchanged)
  }

  @Test func reportIsSnakeCaseJSON() throws {
    let (_, report) = try initializer(.loraOne).start(
      of: matrix, from: DenseGradientOperator(gradient()))
    let data = try JSONEncoder().encode(report)
    let text = String(decoding: data, as: UTF8.self)
    for key in [
      "name", "rows", "columns", "rank", "init", "singular_values", "frobenius_norm",
      "norm_exact", "captured_share", "captured_share_error", "start_norm",
    ] {
      #expect(text.contains("\"\(key)\""))
    }
    #expect(!text.contains("notice"))
    #expect(try JSONDecoder().decode(AdapterStartReport.self, from: data) == report)
  }
}
