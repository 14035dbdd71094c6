internal import Foundation

/// The instruction set and the number of threads are global to the process, and the suites run side by side in one: whoever
/// sets them, or compares bits of two computations, holds this meanwhile.
public enum ProcessorLock {
  private static let lock = NSRecursiveLock()

  public static func alone<Result>(_ body: () throws -> Result) rethrows -> Result {
    try lock.withLock(body)
  }
}
