/// Matrices parked in an unnamed temporary file: written once, read back later, gone with the object.
///
/// Used where activations of many micro-batches would not fit in memory.
public final class SpillFile {
  private let file: UnlinkedFile
  /// Bytes written so far.
  public private(set) var byteCount = 0

  /// A new file in `directory`, which must exist and be writable. Throws `TensorError.cannotSpill`.
  public init(directory: String) throws(TensorError) {
    file = try UnlinkedFile(directory: directory, of: .activations)
  }

  /// Appends the matrix's bytes and returns where they begin.
  public func append(_ matrix: Matrix) throws(TensorError) -> Int {
    let offset = byteCount
    try write(matrix, at: offset)
    return offset
  }

  /// Writes the matrix's bytes at any place; what lies between is zero until it is written.
  public func write(_ matrix: Matrix, at offset: Int) throws(TensorError) {
    try unsafe file.write(
      UnsafeRawBufferPointer(start: matrix.pointer, count: matrix.byteCount), at: offset)
    byteCount = max(byteCount, offset + matrix.byteCount)
  }

  /// Reads into `matrix` what was written at `offset`.
  public func read(into matrix: Matrix, at offset: Int) throws(TensorError) {
    precondition(offset >= 0 && offset + matrix.byteCount <= byteCount)
    try unsafe file.read(
      into: UnsafeMutableRawBufferPointer(start: matrix.pointer, count: matrix.byteCount),
      at: offset)
  }
}
