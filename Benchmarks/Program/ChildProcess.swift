import Foundation

/// This program again, in a process of its own: peak memory is a process's.
enum ChildProcess {
  /// Runs `arguments` with this process's output; throws when the child fails.
  static func run(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw BenchmarkError(
        "scion-bench \(arguments.joined(separator: " ")) ended with \(process.terminationStatus)")
    }
  }
}
