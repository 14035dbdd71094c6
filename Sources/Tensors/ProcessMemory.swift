internal import CKernels
internal import Glibc

/// Resident memory of this process, as the kernel counts it (Linux; 0 where it does not tell).
public enum ProcessMemory {
  /// Bytes resident now.
  public static var resident: Int { bytes(of: "VmRSS:") }

  /// Most bytes that were resident at any time.
  public static var peak: Int { bytes(of: "VmHWM:") }

  /// Bytes resident now that no file could bring back: without the pages of mapped files.
  public static var anonymous: Int { bytes(of: "RssAnon:") }

  /// Gives memory that was freed, but that the allocator still holds, back to the system: to be called after a phase whose
  /// values are gone (parsing of a model and its data, the start).
  public static func releaseFreed() { ck_release_freed() }

  private static func bytes(of key: String) -> Int {
    guard let status = unsafe fopen("/proc/self/status", "r") else { return 0 }
    defer { unsafe fclose(status) }
    var buffer = [CChar](repeating: 0, count: 256)
    while unsafe fgets(&buffer, Int32(buffer.count), status) != nil {
      let line = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      guard line.starts(with: key.utf8) else { continue }
      let digits = line.filter { $0 >= 48 && $0 <= 57 }
      return (Int(String(decoding: digits, as: UTF8.self)) ?? 0) * 1024
    }
    return 0
  }
}
