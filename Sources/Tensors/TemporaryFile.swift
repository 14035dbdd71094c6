internal import Glibc

/// Bytes that are written once, from front to back, to an unnamed temporary file and then mapped.
///
/// The file is unlinked as soon as it is open: it goes with the last mapping, and a killed process
/// leaves nothing behind. For what comes from a pipe or is unpacked, so that it need not lie in
/// memory.
public struct TemporaryFile: ~Copyable {
  private let descriptor: Int32
  private let directory: String
  public private(set) var byteCount = 0

  /// In the folder that `TMPDIR` names, or /tmp. Throws `TensorError.cannotSpill`.
  public init() throws(TensorError) {
    let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    self.directory = directory
    var template = Array("\(directory)/.scion-data-XXXXXX".utf8CString)
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

  deinit { close(descriptor) }

  /// Appends values as they lie in memory. Throws `cannotSpill` without room.
  public mutating func append<Value: BitwiseCopyable>(
    _ values: ArraySlice<Value>
  ) throws(TensorError) {
    let size = values.count * MemoryLayout<Value>.stride
    var done = 0
    while done < size {
      let count = unsafe values.withUnsafeBytes { buffer in
        unsafe write(descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .cannotSpill(directory: directory, reason: systemReason()) }
      done += count
    }
    byteCount += size
  }

  /// Appends all that `source` has left. Throws `cannotSpill`, or `cannotMap` with `path` when it
  /// cannot be read.
  mutating func append(allOf source: Int32, path: String) throws(TensorError) {
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe read(source, bytes.baseAddress, bytes.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .cannotMap(path: path, reason: systemReason()) }
      if count == 0 { return }
      try append(buffer[..<count])
    }
  }

  /// The bytes written so far, mapped; nil when there are none. `path` is for messages.
  public consuming func mapped(path: String) throws(TensorError) -> MappedFile? {
    guard byteCount > 0 else { return nil }
    return try MappedFile(descriptor: descriptor, path: path)
  }
}

extension MappedFile {
  /// Maps a file, or a copy of what a pipe gives: `path` may name one, and `-` is the standard
  /// input. Nil when there are no bytes. Throws `cannotMap`, or `cannotSpill` without room for the
  /// copy.
  public static func reading(path: String) throws(TensorError) -> MappedFile? {
    let isInput = path == "-"
    let descriptor = isInput ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotMap(path: path, reason: systemReason()) }
    defer { if !isInput { close(descriptor) } }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw .cannotMap(path: path, reason: systemReason())
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG where status.st_size == 0: return nil
    case S_IFREG, S_IFDIR: return try MappedFile(descriptor: descriptor, path: path)
    default:
      var copy = try TemporaryFile()
      try copy.append(allOf: descriptor, path: path)
      return try copy.mapped(path: path)
    }
  }
}
