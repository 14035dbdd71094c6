import Testing

@testable import Tensors

@Suite struct CholeskyQRTests {
  /// Rows whose singular values fall from 1 to 1/κ.
  private func rows(condition: Double) throws -> DenseMatrix<Double> {
    var draws = RandomGenerator(seed: 4)
    func basis(_ columns: Int) throws -> DenseMatrix<Double> {
      let drawn = DenseMatrix<Float>.gaussian(rows: 12, columns: columns, from: &draws)
      return try LinearAlgebra.orthonormalRows(
        DenseMatrix(rows: 12, columns: columns, values: drawn.values.map { Double($0) }))
    }
    var step = 1.0
    let values = (0..<12).map { _ in
      defer { step /= condition.squareRoot().squareRoot().squareRoot() }
      return max(step, 1 / condition)
    }
    return try basis(12).scalingRows(by: values).times(basis(70))
  }

  private func deviation(_ basis: DenseMatrix<Double>) -> Double {
    let identity = DenseMatrix<Double>(diagonal: Array(repeating: 1, count: basis.rows))
    return basis.gramOfRows().adding(identity, times: -1).frobeniusNorm
  }

  @Test(arguments: [1.0, 1e3, 1e6])
  func factorsMultiplyBackAndTheBasisIsOrthonormal(condition: Double) throws {
    let rows = try rows(condition: condition)
    let factors = try #require(try LinearAlgebra.rowFactors(rows))
    #expect(deviation(factors.basis) < 1e-13)
    let error = factors.factor.times(factors.basis).adding(rows, times: -1)
    #expect(error.frobeniusNorm < 1e-13)
    #expect(factors.factor[0, 1] == 0 && factors.factor[3, 11] == 0)
  }

  @Test func onePassLeavesRowsThatAreWellConditioned() throws {
    let basis = try LinearAlgebra.conditionedRows(rows(condition: 1e5))
    #expect(deviation(basis) < 1e-4)
  }

  @Test func dependentRowsAreLeftToHouseholder() throws {
    var rows = try rows(condition: 10)
    for column in 0..<rows.columns { rows[5, column] = 2 * rows[4, column] }
    // Exactly dependent rows may pass for independent by rounding, but never end in a basis that is none.
    if let factors = try LinearAlgebra.rowFactors(rows) {
      #expect(deviation(factors.basis) < 1e-10)
    }
    let zero = DenseMatrix<Double>(rows: 3, columns: 9)
    let none = try LinearAlgebra.rowFactors(zero)
    #expect(none == nil)
    #expect(deviation(try LinearAlgebra.conditionedRows(zero)) < 1e-12)
  }

  @Test func singularValuesOfRowsAreLAPACKs() throws {
    let rows = try rows(condition: 1e4)
    let found = try LinearAlgebra.singularValuesOfRows(rows)
    let exact = try LinearAlgebra.singularValues(rows)
    for (a, b) in zip(found.values, exact.values) { #expect(abs(a - b) < 1e-12) }
    #expect(found.product().adding(rows, times: -1).frobeniusNorm < 1e-12)
    #expect(deviation(found.vt) < 1e-12 && deviation(found.ut) < 1e-12)
  }

  @Test(arguments: [Double.nan, .infinity])
  func valuesThatAreNotFiniteAreAnError(value: Double) throws {
    var rows = try rows(condition: 10)
    rows[2, 3] = value
    #expect(throws: TensorError.self) { try LinearAlgebra.rowFactors(rows) }
    #expect(throws: TensorError.self) { try LinearAlgebra.singularValuesOfRows(rows) }
  }
}
