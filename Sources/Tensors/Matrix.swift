internal import CKernels

/// A view `[rows, columns]` of an arena: row-major, contiguous, one element type.
///
/// It is a handle (copying it copies no numbers). Its bounds were checked when it was made; the
/// operations of this module check shapes and then hand pointers to C.
public struct Matrix {
  public let arena: Arena
  let offset: Int
  public let rows: Int
  public let columns: Int
  public let type: ElementType

  init(arena: Arena, offset: Int, rows: Int, columns: Int, type: ElementType) {
    precondition(rows >= 0 && columns >= 0 && offset >= 0)
    precondition(offset + rows * columns * type.byteCount <= arena.byteCount)
    self.arena = arena
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.type = type
  }

  /// Elements in the view.
  public var count: Int { rows * columns }

  /// Bytes in the view.
  public var byteCount: Int { count * type.byteCount }

  var pointer: UnsafeMutableRawPointer { unsafe arena.base + offset }

  var floats: UnsafeMutablePointer<Float> {
    precondition(type == .float32, "a float32 matrix is needed here")
    return unsafe pointer.assumingMemoryBound(to: Float.self)
  }

  /// The rows `range`, as a view of the same memory.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    return Matrix(
      arena: arena, offset: offset + range.lowerBound * columns * type.byteCount,
      rows: range.count, columns: columns, type: type)
  }

  /// The first `rows` rows.
  public func prefix(_ rows: Int) -> Matrix { self.rows(0..<rows) }

  /// The same memory with another shape (and type), at most as many bytes.
  public func reshaped(rows: Int, columns: Int, type: ElementType? = nil) -> Matrix {
    let type = type ?? self.type
    precondition(rows * columns * type.byteCount <= byteCount)
    return Matrix(arena: arena, offset: offset, rows: rows, columns: columns, type: type)
  }

  /// `rows · columns` elements from element `start` on, as a matrix of the same memory.
  public func slice(_ start: Int, rows: Int, columns: Int) -> Matrix {
    precondition(start >= 0 && start + rows * columns <= count)
    return Matrix(
      arena: arena, offset: offset + start * type.byteCount, rows: rows, columns: columns,
      type: type)
  }

  // MARK: - Element access (tests, small matrices)

  /// One element, converted to `Float`.
  public subscript(row: Int, column: Int) -> Float {
    get {
      let index = checkedIndex(row, column)
      switch type {
      case .float32: return unsafe floats[index]
      case .bfloat16:
        return BFloat16(bitPattern: unsafe pointer.assumingMemoryBound(to: UInt16.self)[index])
          .float
      }
    }
    nonmutating set {
      let index = checkedIndex(row, column)
      switch type {
      case .float32: unsafe floats[index] = newValue
      case .bfloat16:
        unsafe pointer.assumingMemoryBound(to: UInt16.self)[index] =
          BFloat16(newValue).bitPattern
      }
    }
  }

  private func checkedIndex(_ row: Int, _ column: Int) -> Int {
    precondition(row >= 0 && row < rows && column >= 0 && column < columns)
    return row * columns + column
  }

  /// All elements, row by row, as `Float`.
  public func array() -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if count > 0 {
        unsafe ck_convert(
          buffer.baseAddress!, ck_format(CK_F32), pointer, type.code, Int64(count))
      }
      initialized = count
    }
  }

  /// Overwrites all elements (rounded to nearest for bfloat16). `values.count` must equal `count`.
  public func assign(_ values: [Float]) {
    precondition(values.count == count, "\(values.count) values for \(rows) x \(columns)")
    unsafe values.withUnsafeBufferPointer { buffer in
      if count > 0 {
        unsafe ck_convert(
          pointer, type.code, buffer.baseAddress!, ck_format(CK_F32), Int64(count))
      }
    }
  }

  /// Overwrites all elements with zero.
  public func clear() {
    unsafe pointer.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  /// Overwrites with another matrix of the same number of elements, converting the type.
  public func assign(_ other: Matrix) {
    precondition(other.count == count)
    unsafe ck_convert(pointer, type.code, other.pointer, other.type.code, Int64(count))
  }

  /// Overwrites row i with row `indices[i]` of `source`, which is other memory, converting the type.
  public func gather(_ source: Matrix, rows indices: [Int]) {
    precondition(indices.count == rows && source.columns == columns)
    precondition(indices.allSatisfy { $0 >= 0 && $0 < source.rows })
    let indices = indices.map(Int64.init)
    unsafe ck_gather_rows(
      pointer, type.code, source.pointer, source.type.code, indices, Int64(rows), Int64(columns))
  }

  /// Overwrites row `indices[i]` of `target` with row i, converting the type.
  public func scatter(to target: Matrix, rows indices: [Int]) {
    precondition(indices.count == rows && target.columns == columns)
    for (row, index) in indices.enumerated() {
      target.rows(index..<index + 1).assign(self.rows(row..<row + 1))
    }
  }

  /// Whether every element is a finite number.
  public var isFinite: Bool {
    switch type {
    case .float32: sumOfSquares(self).isFinite
    case .bfloat16: array().allSatisfy(\.isFinite)
    }
  }

  /// The bytes of the matrix (little-endian elements), copied.
  public func bytes() -> [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: pointer, count: byteCount))
  }

  /// Overwrites the matrix with such bytes. `bytes.count` must equal `byteCount`.
  public func assign(bytes: [UInt8]) {
    precondition(bytes.count == byteCount)
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe UnsafeMutableRawBufferPointer(start: pointer, count: byteCount)
        .copyMemory(from: buffer)
    }
  }
}
