internal import Glibc

/// An exclusive claim to a folder, by flock(2) on the folder itself: gone with the object or the process, however that ends,
/// and nothing is left on the disk.
///
/// A file system without such locks (some network shares) gives a lock that holds nobody off.
public final class FolderLock: Sendable {
  private let descriptor: Int32

  /// Takes the lock of `folder`; nil when someone else holds it. Throws `TensorError.cannotWrite` when the folder cannot be
  /// opened.
  public init?(folder: String) throws(TensorError) {
    descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw OutputFile.error(folder, "open") }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK { return nil }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }
}
