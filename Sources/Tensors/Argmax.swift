/// The column of the first maximum of each row of a float32 matrix [rows, columns].
///
/// NaNs are passed over; a row without any number above -infinity gives 0. Cost: one pass over the matrix.
public func argmax(of matrix: Matrix) -> [Int] {
  precondition(matrix.columns > 0, "a matrix without columns has no maximum")
  let floats = unsafe UnsafeBufferPointer(start: matrix.floats, count: matrix.count)
  return (0..<matrix.rows).map { row in
    let start = row * matrix.columns
    return unsafe argmax(of: UnsafeBufferPointer(rebasing: floats[start..<start + matrix.columns]))
  }
}

/// The maximum in 16 lanes first, its first place afterwards: the second look mostly ends early, and the first has
/// no indices to carry.
private func argmax(of values: UnsafeBufferPointer<Float>) -> Int {
  guard let base = unsafe UnsafeRawPointer(values.baseAddress) else { return 0 }
  let lanes = 16
  let whole = values.count / lanes * lanes
  var best = SIMD16<Float>(repeating: -.infinity)
  var index = 0
  while index < whole {
    let next = unsafe base.loadUnaligned(
      fromByteOffset: index * MemoryLayout<Float>.size, as: SIMD16<Float>.self)
    best.replace(with: next, where: next .> best)
    index += lanes
  }
  var maximum = best.max()
  while index < values.count {
    let value = unsafe values[index]
    if value > maximum { maximum = value }
    index += 1
  }
  return unsafe values.firstIndex(of: maximum) ?? 0
}
