internal import Glibc

/// A file without a name: unlinked as soon as it is open, so that it goes with the object, and a killed process leaves nothing
/// behind.
///
/// What is read through it is no resident memory of this process: it stays in the system's cache, which gives way.
final class UnlinkedFile: Sendable {
  let descriptor: Int32
  /// Where it lies and what is in it; for messages.
  private let directory: String
  private let contents: TensorError.SpilledContents

  /// The folder that `TMPDIR` names, or /tmp.
  static var usualDirectory: String {
    unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
  }

  /// A new file in `directory`, which must exist and be writable. Throws `TensorError.cannotSpill`.
  init(
    directory: String = usualDirectory, of contents: TensorError.SpilledContents
  ) throws(TensorError) {
    (self.directory, self.contents) = (directory, contents)
    var template = Array("\(directory)/.scion-XXXXXX".utf8CString)
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
      throw failure
    }
  }

  deinit { close(descriptor) }

  /// What the system has just said.
  private var failure: TensorError {
    .cannotSpill(contents, directory: directory, reason: systemReason())
  }

  /// Writes all bytes at any place; what lies between is zero until it is written. Throws `cannotSpill` without room.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(TensorError) {
    var done = 0
    while done < bytes.count {
      let count = unsafe pwrite(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done,
        off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure }
      done += count
    }
  }

  /// Fills `bytes` with what was written at `offset`. Throws `cannotSpill` when the disk fails.
  func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(TensorError) {
    var done = 0
    while done < bytes.count {
      let count = unsafe pread(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done,
        off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure }
      done += count
    }
  }
}
