/// Reordering of small row-major matrices.
enum MatrixOrder {
  /// `[columns, rows]` from `[rows, columns]`.
  static func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    precondition(values.count == rows * columns)
    var result = [Float](repeating: 0, count: values.count)
    for row in 0..<rows {
      for column in 0..<columns { result[column * rows + row] = values[row * columns + column] }
    }
    return result
  }

  /// Rows of `[rows, columns]`, taken in the order `order` says: result row i is row `order[i]`.
  static func rows(_ values: [Float], columns: Int, order: [Int]) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(order.count * columns)
    for row in order { result += values[row * columns..<(row + 1) * columns] }
    return result
  }

  /// The permutation that undoes `order`.
  static func inverse(_ order: [Int]) -> [Int] {
    var result = [Int](repeating: 0, count: order.count)
    for (position, value) in order.enumerated() { result[value] = position }
    return result
  }
}
