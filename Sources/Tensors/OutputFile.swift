internal import Glibc

/// A new file under a temporary name, which can be given its real name in one step: the counterpart of
/// `MappedFile`, and like it the place where the system is called. `AtomicFile` (ModelFiles) is its face.
@safe
public struct OutputFile: ~Copyable, Sendable {
  /// The name it gets in the end.
  public let path: String
  /// Bytes written so far.
  public private(set) var byteCount = 0
  /// nil for a terminal, `/dev/null` or a pipe, which is written straight into: to rename over it would destroy it.
  private let temporaryPath: String?
  private var descriptor: Int32
  private var isPublished = false

  /// Creates an empty temporary file in the folder of `path`. A link is followed: the file that it leads to is the one that
  /// will be replaced. Throws `TensorError.cannotWrite`, also where a disk or a socket lies.
  public init(besides path: String) throws(TensorError) {
    let (path, isStream) = try OutputFile.target(of: path)
    guard !isStream else {
      let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw OutputFile.error(path, "open") }
      self.path = path
      temporaryPath = nil
      self.descriptor = descriptor
      return
    }
    // Hidden, and of a name that no other process uses.
    let (folder, name) = OutputFile.split(path)
    let suffix = String(UInt64.random(in: .min ... .max), radix: 36)
    // File systems allow 255 bytes.
    let stem = name.utf8.count <= 200 ? name : "long"
    let temporaryPath = "\(folder)/.\(stem).\(suffix).tmp"
    let descriptor = unsafe open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw OutputFile.error(path, "create") }
    self.path = path
    self.temporaryPath = temporaryPath
    self.descriptor = descriptor
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if let temporaryPath, !isPublished { _ = unsafe unlink(temporaryPath) }
  }

  /// Appends bytes.
  public mutating func write(_ bytes: [UInt8]) throws(TensorError) {
    let failure: TensorError? = unsafe bytes.withUnsafeBytes { unsafe write($0) }
    if let failure { throw failure }
  }

  /// Appends the bytes `range` of a mapped file, which must lie inside it.
  public mutating func write(_ file: MappedFile, _ range: Range<Int>) throws(TensorError) {
    let start = unsafe file.pointer(at: range.lowerBound, byteCount: range.count)
    if let failure = unsafe write(UnsafeRawBufferPointer(start: start, count: range.count)) {
      throw failure
    }
  }

  @unsafe
  private mutating func write(_ bytes: UnsafeRawBufferPointer) -> TensorError? {
    var done = 0
    while done < bytes.count {
      // The system writes at most 2 GiB a call and may write less than it was given.
      let size = min(bytes.count - done, 1 << 30)
      let written = unsafe Glibc.write(descriptor, bytes.baseAddress! + done, size)
      if written < 0 {
        if errno == EINTR { continue }
        return OutputFile.error(path, "write")
      }
      done += written
    }
    byteCount += done
    return nil
  }

  /// Syncs the bytes to the disk, gives the file its name (replacing another) and syncs the folder.
  public mutating func publish() throws(TensorError) {
    guard temporaryPath == nil || fsync(descriptor) == 0 else {
      throw OutputFile.error(path, "sync")
    }
    let closing = close(descriptor)
    descriptor = -1
    guard closing == 0 else { throw OutputFile.error(path, "close") }
    guard let temporaryPath else { return }
    guard unsafe rename(temporaryPath, path) == 0 else { throw OutputFile.error(path, "rename") }
    isPublished = true
    // Some file systems cannot sync a folder; the file is complete whatever the answer.
    try OutputFolder.sync(OutputFile.split(path).folder)
  }

  /// Where `path` leads, links followed, and whether bytes go straight into it; `path` itself where nothing lies yet.
  private static func target(
    of path: String
  ) throws(TensorError) -> (path: String, isStream: Bool) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return (path, false) }
    let kind = status.st_mode & S_IFMT
    if kind == S_IFCHR || kind == S_IFIFO { return (path, true) }
    guard kind == S_IFREG || kind == S_IFDIR else {
      throw .cannotWrite(
        path: path, operation: "write", cause: .other, reason: "it is no regular file")
    }
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK,
      let resolved = unsafe realpath(path, nil)
    else { return (path, false) }
    defer { unsafe free(resolved) }
    return (unsafe String(cString: resolved), false)
  }

  static func split(_ path: String) -> (folder: String, name: Substring) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
    let name = path[path.index(after: slash)...]
    return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
  }

  static func error(_ path: String, _ operation: String) -> TensorError {
    let code = errno
    let cause: TensorError.WriteCause =
      switch code {
      case ENOSPC, EDQUOT, EFBIG: .full
      case EACCES, EPERM, EROFS, ENOENT, ENOTDIR, EISDIR: .refused
      default: .other
      }
    return .cannotWrite(
      path: path, operation: operation, cause: cause, reason: systemReason(code))
  }
}
