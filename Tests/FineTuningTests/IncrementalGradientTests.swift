import Foundation
import Tensors
import Testing

@testable import FineTuning

@Suite struct IncrementalGradientTests {
  /// Eight micro-batches whose gradients share a slowly decaying signal under noise of their own.
  @Test func compressionKeepsTheDirectionOfDescent() throws {
    let (m, n, tokens, rank) = (60, 80, 40, 4)
    var draws = RandomGenerator(seed: 1)
    let signal = DenseMatrix<Float>.gaussian(rows: n, columns: m, from: &draws)
      .times(DenseMatrix(diagonal: (1...m).map { 1 / Float($0).squareRoot() }))
    let arena = try Arena("test", byteCount: 8 * 4 * tokens * (m + n) + 8_192)
    let sum = try IncrementalGradient(
      rows: m, columns: n, rank: rank, generator: RandomGenerator(seed: 2))
    var exact = DenseMatrix<Float>(rows: m, columns: n)
    for _ in 0..<8 {
      let x = DenseMatrix<Float>.gaussian(rows: tokens, columns: n, from: &draws)
      let noise = DenseMatrix<Float>.gaussian(rows: tokens, columns: m, from: &draws)
      let d = x.times(signal).adding(noise, times: 2)
      exact = exact.adding(d.times(x, transposeSelf: true), times: 0.125)
      let dMatrix = arena.allocate(rows: tokens, columns: m, type: .float32)
      let xMatrix = arena.allocate(rows: tokens, columns: n, type: .float32)
      dMatrix.assign(d.values)
      xMatrix.assign(x.values)
      try sum.add(FactorOperator.Factor(d: dMatrix, x: xMatrix, scale: 0.125))
    }
    let found = try RandomizedSVD(rank: rank).decompose(
      sum.gradient, generator: RandomGenerator(seed: 3))
    let low = found.triplets.product()
    let best = try LinearAlgebra.singularValues(exact).truncated(to: rank).product()
    let efficiency = low.innerProduct(exact) / low.frobeniusNorm / best.frobeniusNorm
    #expect(efficiency > 0.98)
    #expect(abs(low.frobeniusNorm - best.frobeniusNorm) < 0.05 * best.frobeniusNorm)
  }
}
