internal import Glibc

/// Bytes that are written once, from front to back, to an unnamed temporary file and then mapped.
///
/// For what comes from a pipe or is unpacked, so that it need not lie in memory.
struct TemporaryFile: ~Copyable {
  private let file: UnlinkedFile
  private(set) var byteCount = 0

  /// In the folder that `TMPDIR` names, or /tmp. Throws `TensorError.cannotSpill`.
  init() throws(TensorError) { file = try UnlinkedFile(of: .data) }

  /// Appends bytes. Throws `cannotSpill` without room.
  mutating func append(_ bytes: ArraySlice<UInt8>) throws(TensorError) {
    let offset = byteCount
    try unsafe bytes.withUnsafeBufferPointer {
      (values: UnsafeBufferPointer<UInt8>) throws(TensorError) -> Void in
      try unsafe file.write(UnsafeRawBufferPointer(values), at: offset)
    }
    byteCount += bytes.count
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
  consuming func mapped(path: String) throws(TensorError) -> MappedFile? {
    guard byteCount > 0 else { return nil }
    return try MappedFile(descriptor: file.descriptor, path: path)
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
