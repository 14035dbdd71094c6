import Testing

@testable import Tensors

struct FiniteTests {
  @Test("A value that is no number is found wherever it stands, and only in its rows")
  func finds() throws {
    #expect([Float]().areFinite && [Float.greatestFiniteMagnitude, -0].areFinite)
    for bad in [Float.nan, -.nan, .infinity, -.infinity] {
      for place in [0, 7, 199_999] {
        var values = [Float](repeating: 1, count: 200_000)
        values[place] = bad
        #expect(!values.areFinite)
        let matrix = try QuantizedMatrix(values, rows: 2000, columns: 100)
        let row = place / 100
        #expect(!matrix.isFinite && !matrix.isFinite(in: row..<row + 1))
        #expect(matrix.isFinite(in: 0..<row) && matrix.isFinite(in: row + 1..<2000))
      }
    }
  }
}
