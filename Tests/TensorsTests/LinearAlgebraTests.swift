import Testing

@testable import Tensors

@Suite struct LinearAlgebraTests {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64 = 1) -> DenseMatrix<Float> {
    var generator = RandomGenerator(seed: seed)
    return .gaussian(rows: rows, columns: columns, from: &generator)
  }

  private func double(_ matrix: DenseMatrix<Float>) -> DenseMatrix<Double> {
    DenseMatrix(rows: matrix.rows, columns: matrix.columns, values: matrix.values.map(Double.init))
  }

  private func distance<Scalar>(_ x: DenseMatrix<Scalar>, _ y: DenseMatrix<Scalar>) -> Double {
    x.adding(y, times: -1).frobeniusNorm
  }

  @Test(arguments: [false, true], [false, true])
  func productsAgreeWithTheDefinition(transposeSelf: Bool, transposeOther: Bool) {
    let a = transposeSelf ? random(5, 3) : random(3, 5)
    let b = transposeOther ? random(4, 5, seed: 2) : random(5, 4, seed: 2)
    let c = a.times(b, transposeSelf: transposeSelf, transposeOther: transposeOther)
    #expect(c.rows == 3 && c.columns == 4)
    for i in 0..<3 {
      for j in 0..<4 {
        var sum: Float = 0
        for k in 0..<5 {
          sum += (transposeSelf ? a[k, i] : a[i, k]) * (transposeOther ? b[j, k] : b[k, j])
        }
        #expect(abs(sum - c[i, j]) < 1e-5)
      }
    }
  }

  @Test func elementwiseOperationsAgreeWithTheDefinition() {
    let a = random(3, 4)
    let b = random(3, 4, seed: 2)
    #expect(abs(a.adding(b, times: -2)[2, 1] - (a[2, 1] - 2 * b[2, 1])) < 1e-6)
    #expect(a.scaled(by: 3)[1, 3] == 3 * a[1, 3])
    #expect(a.scalingRows(by: [1, 2, 4])[2, 0] == 4 * a[2, 0])
    #expect(a.transposed()[3, 1] == a[1, 3] && a.transposed().transposed() == a)
    #expect(a.prefix(2).appendingRows(b).values == Array(a.values.prefix(8)) + b.values)
    let dot = zip(a.values, b.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(a.innerProduct(b) - dot) < 1e-12)
  }

  @Test func orthonormalRowsSpanTheRows() throws {
    let matrix = random(6, 40)
    let basis = try LinearAlgebra.orthonormalRows(matrix)
    #expect(distance(basis.gramOfRows(), DenseMatrix(diagonal: [1, 1, 1, 1, 1, 1])) < 1e-5)
    let projected = matrix.times(basis, transposeOther: true).times(basis)
    #expect(distance(projected, matrix) < 1e-5 * matrix.frobeniusNorm)
  }

  @Test func orthonormalRowsOfDependentRowsAreStillOrthonormal() throws {
    let row = random(1, 9)
    let basis = try LinearAlgebra.orthonormalRows(
      row.appendingRows(row).appendingRows(DenseMatrix(rows: 1, columns: 9)))
    #expect(distance(basis.gramOfRows(), DenseMatrix(diagonal: [1, 1, 1])) < 1e-5)
  }

  @Test(arguments: [(7, 12), (12, 7), (1, 5), (5, 1), (8, 8)])
  func singularValuesRebuildTheMatrix(rows: Int, columns: Int) throws {
    let matrix = random(rows, columns)
    let single = try LinearAlgebra.singularValues(matrix)
    #expect(single.ut.columns == rows && single.vt.columns == columns)
    #expect(single.values.count == min(rows, columns))
    #expect(single.values == single.values.sorted(by: >))
    #expect(distance(single.product(), matrix) < 1e-5 * matrix.frobeniusNorm)
    let precise = try LinearAlgebra.singularValues(double(matrix))
    #expect(distance(precise.product(), double(matrix)) < 1e-13 * matrix.frobeniusNorm)
    for row in 0..<single.values.count {
      let entries = (0..<columns).map { single.vt[row, $0] }
      #expect(entries.max(by: { abs($0) < abs($1) })! > 0)
    }
  }

  @Test func singularValuesAreThoseOfADiagonal() throws {
    let found = try LinearAlgebra.singularValues(DenseMatrix<Double>(diagonal: [2, -5, 3]))
    #expect(zip(found.values, [5, 3, 2]).allSatisfy { abs($0 - $1) < 1e-14 })
    #expect(abs(found.vt[0, 1] - 1) < 1e-14 && abs(found.ut[0, 1] + 1) < 1e-14)
  }

  @Test func singularValuesRejectWhatIsNotFinite() {
    var matrix = random(4, 3)
    matrix[2, 1] = .nan
    #expect(throws: TensorError.self) { try LinearAlgebra.singularValues(matrix) }
    #expect(throws: TensorError.self) { try LinearAlgebra.orthonormalRows(matrix.transposed()) }
    matrix[2, 1] = .infinity
    #expect(throws: TensorError.self) { try LinearAlgebra.singularValues(matrix) }
  }

  @Test func choleskySolvesPositiveDefiniteSystems() throws {
    let gram = random(5, 20).gramOfRows()
    let wanted = random(5, 3, seed: 4)
    let solved = try LinearAlgebra.solvePositiveDefinite(gram, gram.times(wanted))
    #expect(distance(solved, wanted) < 1e-4)
    #expect(throws: TensorError.noConvergence(routine: "dpotrf", info: 2)) {
      try LinearAlgebra.solvePositiveDefinite(
        DenseMatrix<Double>(diagonal: [1, -1]), DenseMatrix(rows: 2, columns: 1, values: [1, 1]))
    }
  }
}
