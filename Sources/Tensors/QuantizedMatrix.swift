/// A frozen weight `[rows, columns]` (out × in), straight from its blocks in a mapped file.
///
/// Never copied or expanded as a whole; the products dequantize panels of it on the fly.
public struct QuantizedMatrix: Sendable {
  public let file: MappedFile
  public let offset: Int
  public let format: BlockFormat
  /// Output width: rows of blocks.
  public let rows: Int
  /// Input width: values in a row.
  public let columns: Int

  /// Traps unless the rows lie inside the file (readers have checked before).
  public init(file: MappedFile, offset: Int, format: BlockFormat, rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0 && offset >= 0)
    precondition(offset + rows * format.rowByteCount(columns) <= file.byteCount)
    self.file = file
    self.offset = offset
    self.format = format
    self.rows = rows
    self.columns = columns
  }

  /// Bytes of all rows.
  public var byteCount: Int { rows * format.rowByteCount(columns) }

  /// Where its bytes lie in the file.
  public var fileRange: Range<Int> { offset..<offset + byteCount }

  var pointer: UnsafeRawPointer {
    unsafe file.pointer(at: offset, byteCount: byteCount)
  }

  func rowPointer(_ row: Int) -> UnsafeRawPointer {
    precondition(row >= 0 && row < rows)
    let bytes = format.rowByteCount(columns)
    return unsafe file.pointer(at: offset + row * bytes, byteCount: bytes)
  }
}
