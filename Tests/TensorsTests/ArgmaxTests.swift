import TestSupport
import Testing

@testable import Tensors

@Suite
struct ArgmaxTests {
  private func matrix(_ values: [[Float]]) throws -> Matrix {
    let (rows, columns) = (values.count, values[0].count)
    let arena = try Arena(
      "test", byteCount: Arena.size(rows: rows, columns: columns, type: .float32))
    let matrix = arena.allocate(rows: rows, columns: columns, type: .float32)
    matrix.assign(values.flatMap { $0 })
    return matrix
  }

  @Test(arguments: [1, 3, 15, 16, 17, 31, 32, 33, 64, 1000])
  func agreesWithALoopAtEveryLength(columns: Int) throws {
    var random = SplitMix64(seed: UInt64(columns))
    let rows = (0..<20).map { _ in random.normals(columns) }
    let expected = rows.map { row in row.indices.reduce(0) { row[$1] > row[$0] ? $1 : $0 } }
    #expect(argmax(of: try matrix(rows)) == expected)
  }

  @Test func takesTheFirstOfEqualMaxima() throws {
    var row = [Float](repeating: -3, count: 40)
    for index in [35, 20, 4] {
      row[index] = 5
      #expect(argmax(of: try matrix([row])) == [index])
    }
  }

  @Test func passesOverNaN() throws {
    var row = [Float](repeating: .nan, count: 40)
    #expect(argmax(of: try matrix([row])) == [0])
    row[18] = -7
    row[39] = -6
    #expect(argmax(of: try matrix([row])) == [39])
  }
}
