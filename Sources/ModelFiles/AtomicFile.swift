public import Tensors

/// A file that appears complete or not at all: bytes go to a temporary file beside the target; `finish` syncs it,
/// renames it over the target and syncs the folder. Dropped without `finish`, it leaves nothing behind.
public struct AtomicFile: ~Copyable {
  /// The target.
  public let path: String
  private var output: OutputFile

  /// Begins a file at `path`; the folder must exist.
  public init(path: String) throws(WriteError) {
    do { output = try OutputFile(besides: path) } catch { throw WriteError(error, target: path) }
    self.path = path
  }

  /// Bytes written so far.
  public var byteCount: Int { output.byteCount }

  public mutating func append(_ bytes: [UInt8]) throws(WriteError) {
    do { try output.write(bytes) } catch { throw WriteError(error, target: path) }
  }

  public mutating func append(_ text: String) throws(WriteError) {
    try append(Array(text.utf8))
  }

  /// Appends the bytes `range` of a mapped file, without a copy in between.
  public mutating func append(_ file: MappedFile, _ range: Range<Int>) throws(WriteError) {
    do { try output.write(file, range) } catch { throw WriteError(error, target: path) }
  }

  /// Makes the file appear under its name; it survives a power cut from here on.
  public consuming func finish() throws(WriteError) {
    let path = self.path
    do { try output.publish() } catch { throw WriteError(error, target: path) }
  }

  // MARK: - In one go

  public static func write(path: String, bytes: [UInt8]) throws(WriteError) {
    var file = try AtomicFile(path: path)
    try file.append(bytes)
    try file.finish()
  }

  public static func write(path: String, text: String) throws(WriteError) {
    try write(path: path, bytes: Array(text.utf8))
  }
}

extension WriteError {
  init(_ error: TensorError, target: String) {
    guard case .cannotWrite(_, let operation, let cause, let reason) = error else {
      self = .failed(path: target, operation: "write", reason: error.description)
      return
    }
    switch cause {
    case .full: self = .diskFull(path: target, reason: reason)
    case .refused: self = .notPermitted(path: target, reason: reason)
    case .other: self = .failed(path: target, operation: operation, reason: reason)
    }
  }
}
