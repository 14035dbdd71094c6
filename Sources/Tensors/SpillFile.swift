internal import Glibc

/// Matrices parked in an unnamed temporary file: written once, read back later, gone with the object.
///
/// Used where activations of many micro-batches would not fit in memory. The file is unlinked as soon as it is
/// open, so that a killed process leaves nothing behind.
public final class SpillFile {
  private let descriptor: Int32
  private let directory: String
  /// Bytes written so far.
  public private(set) var byteCount = 0

  /// A new file in `directory`, which must exist and be writable. Throws `TensorError.cannotSpill`.
  public init(directory: String) throws(TensorError) {
    self.directory = directory
    var template = Array("\(directory)/.scion-spill-XXXXXX".utf8CString)
    descriptor = unsafe template.withUnsafeMutableBufferPointer { buffer in
      guard let path = buffer.baseAddress else { return -1 }
      let descriptor = unsafe mkstemp(path)
      if descriptor >= 0 {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = unsafe unlink(path)
      }
      return descriptor
    }
    guard descriptor >= 0 else {
      throw .cannotSpill(directory: directory, reason: systemReason())
    }
  }

  deinit {
    close(descriptor)
  }

  /// Appends the matrix's bytes and returns where they begin.
  public func append(_ matrix: Matrix) throws(TensorError) -> Int {
    let offset = byteCount
    try write(matrix, at: offset)
    return offset
  }

  /// Writes the matrix's bytes at any place; what lies between is zero until it is written.
  public func write(_ matrix: Matrix, at offset: Int) throws(TensorError) {
    var done = 0
    while done < matrix.byteCount {
      let count = unsafe pwrite(
        descriptor, matrix.pointer + done, matrix.byteCount - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .cannotSpill(directory: directory, reason: systemReason()) }
      done += count
    }
    byteCount = max(byteCount, offset + matrix.byteCount)
  }

  /// Reads into `matrix` what was written at `offset`.
  public func read(into matrix: Matrix, at offset: Int) throws(TensorError) {
    precondition(offset >= 0 && offset + matrix.byteCount <= byteCount)
    var done = 0
    while done < matrix.byteCount {
      let count = unsafe pread(
        descriptor, matrix.pointer + done, matrix.byteCount - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .cannotSpill(directory: directory, reason: systemReason()) }
      done += count
    }
  }
}
