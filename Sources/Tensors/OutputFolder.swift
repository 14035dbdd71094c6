internal import Glibc

/// A new folder of plain files under a temporary name, which gets its real name in one step when all its files are there: the
/// counterpart of `OutputFile` for what is only of use as a whole. Dropped without `publish`, it leaves nothing behind.
public struct OutputFolder: ~Copyable {
  /// The name it gets in the end.
  public let path: String
  /// Where it lies until then.
  public let temporaryPath: String
  private var files: [String] = []
  private var isPublished = false

  /// Creates an empty folder beside `path`. Throws `TensorError.cannotWrite`.
  public init(besides path: String) throws(TensorError) {
    let (folder, name) = OutputFile.split(path)
    let suffix = String(UInt64.random(in: .min ... .max), radix: 36)
    self.path = path
    temporaryPath = "\(folder)/.\(name).\(suffix).tmp"
    guard unsafe mkdir(temporaryPath, 0o777) == 0 else { throw OutputFile.error(path, "create") }
  }

  /// The path under which the file `name` is to be written, synced, before `publish`.
  public mutating func file(_ name: String) -> String {
    files.append(name)
    return "\(temporaryPath)/\(name)"
  }

  /// Syncs the folder and gives it its name, under which nothing may lie but an empty folder.
  public mutating func publish() throws(TensorError) {
    try OutputFolder.sync(temporaryPath)
    guard unsafe rename(temporaryPath, path) == 0 else { throw OutputFile.error(path, "rename") }
    isPublished = true
    try OutputFolder.sync(OutputFile.split(path).folder)
  }

  /// Gives a file of the same disk another name, over whatever file has it, and syncs its new folder.
  public static func move(_ source: String, to target: String) throws(TensorError) {
    guard unsafe rename(source, target) == 0 else { throw OutputFile.error(target, "rename") }
    try sync(OutputFile.split(target).folder)
  }

  /// Hands the names in `folder` to the disk. Some file systems cannot; only a failing disk is an error.
  public static func sync(_ folder: String) throws(TensorError) {
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 && errno == EIO { throw OutputFile.error(folder, "sync") }
  }

  deinit {
    guard !isPublished else { return }
    for name in files { _ = unsafe unlink("\(temporaryPath)/\(name)") }
    _ = unsafe rmdir(temporaryPath)
  }
}
