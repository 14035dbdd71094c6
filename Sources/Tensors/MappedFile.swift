internal import Glibc

/// The bytes of a file, mapped read-only and shared, or bytes in memory with the same face.
///
/// The mapping lives as long as the object. The system may drop its pages under memory pressure and
/// read them again: resident memory is what is in use, not the size of the file.
@safe
public final class MappedFile: Sendable {
  /// The path it was opened with; for messages.
  public let path: String
  /// Size in bytes.
  public let byteCount: Int

  private nonisolated(unsafe) let base: UnsafeMutableRawPointer
  /// False for bytes in memory, which no file could bring back.
  private let isFileBacked: Bool

  /// Maps the file at `path`. Throws `TensorError.cannotMap` with the system's reason.
  public convenience init(path: String) throws(TensorError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotMap(path: path, reason: systemReason()) }
    defer { close(descriptor) }
    try self.init(descriptor: descriptor, path: path)
  }

  /// Maps an open file, which the mapping does not keep open; `path` is for messages.
  init(descriptor: Int32, path: String) throws(TensorError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw .cannotMap(path: path, reason: systemReason())
    }
    guard (status.st_mode & S_IFMT) != S_IFDIR else {
      throw .cannotMap(path: path, reason: "it is a folder")
    }
    guard (status.st_mode & S_IFMT) == S_IFREG else {
      throw .cannotMap(path: path, reason: "it is no regular file")
    }
    let size = Int(status.st_size)
    guard size > 0 else { throw .cannotMap(path: path, reason: "it is empty") }
    let pointer = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0)
    guard let pointer = unsafe pointer, unsafe pointer != MAP_FAILED else {
      throw .cannotMap(path: path, reason: systemReason())
    }
    self.path = path
    self.byteCount = size
    isFileBacked = true
    unsafe self.base = pointer
  }

  /// The same face over bytes in memory (a model made by a test).
  public convenience init(name: String, bytes: [UInt8]) throws(TensorError) {
    try self.init(name: name, values: bytes)
  }

  /// The same face over the bytes of values in memory, as they lie there.
  public init<Value: BitwiseCopyable>(name: String, values: [Value]) throws(TensorError) {
    let byteCount = values.count * MemoryLayout<Value>.stride
    let size = max(byteCount, 1)
    let pointer = unsafe mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pointer = unsafe pointer, unsafe pointer != MAP_FAILED else {
      throw .outOfMemory(name: name, byteCount: size)
    }
    unsafe values.withUnsafeBytes { buffer in
      unsafe UnsafeMutableRawBufferPointer(start: pointer, count: size).copyMemory(from: buffer)
    }
    self.path = name
    self.byteCount = byteCount
    isFileBacked = false
    unsafe self.base = pointer
  }

  /// Bytes of the regular file at `path`; nil when there is none.
  static func size(_ path: String) -> Int? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, (status.st_mode & S_IFMT) == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  deinit {
    unsafe munmap(base, max(byteCount, 1))
  }

  func pointer(at offset: Int, byteCount: Int) -> UnsafeRawPointer {
    precondition(offset >= 0 && byteCount >= 0 && offset <= self.byteCount - byteCount)
    return unsafe UnsafeRawPointer(base + offset)
  }

  // MARK: - Resident pages

  /// Gives the pages that hold any byte of `range` back to the system: they leave this process's resident memory and are
  /// read again (mostly from the system's cache) when they are next touched. Contents never change. Does nothing for bytes in
  /// memory.
  public func releasePages(_ range: Range<Int>) {
    // A page that is touched brings its neighbours along, as far as 64 KiB before it (Linux, fault_around_bytes): those before
    // the range go too, or a file that is read window by window would stay, a neighbour each.
    advise(max(range.lowerBound - 1 << 16, 0)..<range.upperBound, MADV_DONTNEED)
  }

  /// Asks the system to read `range` ahead of its use. It returns at once, and the pages do not count as resident until they
  /// are touched.
  public func prefetch(_ range: Range<Int>) { advise(range, MADV_WILLNEED) }

  private func advise(_ range: Range<Int>, _ advice: Int32) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    guard isFileBacked, !range.isEmpty else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = range.lowerBound / page * page
    // A wish: the system may refuse it, and the contents are the same either way.
    _ = unsafe madvise(base + start, range.upperBound - start, advice)
  }

  /// A copy of the bytes `range`, which must lie inside the file.
  public func bytes(_ range: Range<Int>) -> [UInt8] {
    let start = unsafe pointer(at: range.lowerBound, byteCount: range.count)
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: range.count))
  }

  /// A little-endian integer at any offset; the range must lie inside the file.
  public func load<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T {
    let start = unsafe pointer(at: offset, byteCount: MemoryLayout<T>.size)
    return T(littleEndian: unsafe start.loadUnaligned(as: T.self))
  }
}

/// The system's sentence for an error, by default the last one, as the middle of a sentence: in lower case.
func systemReason(_ code: Int32 = errno) -> String {
  let text = unsafe String(cString: strerror(code))
  return text.prefix(1).lowercased() + text.dropFirst()
}
