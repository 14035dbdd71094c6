import Foundation

/// This program again, in a process of its own: peak memory is a process's.
///
/// Not Foundation's `Process`, which gives the child a process group of its own that Ctrl-C does not reach.
enum ChildProcess {
  /// Runs `arguments` with this process's output and environment; throws when the child fails.
  static func run(_ arguments: [String]) throws {
    let name = "scion-bench \(arguments.joined(separator: " "))"
    let child = try start(arguments)
    guard try wait(child, name) == 0 else { throw BenchmarkError("\(name) failed") }
  }

  /// Ends a child that would go on for ever.
  static func stop(_ child: pid_t) throws {
    kill(child, SIGKILL)
    _ = try wait(child, "a child")
  }

  /// Starts `arguments` with this process's output and environment.
  static func start(_ arguments: [String]) throws -> pid_t {
    let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
    let name = "scion-bench \(arguments.joined(separator: " "))"
    var child: pid_t = 0
    let failure = unsafe withCStrings(["scion-bench"] + arguments) { words in
      unsafe withCStrings(environment) { variables in
        unsafe posix_spawn(&child, "/proc/self/exe", nil, nil, words, variables)
      }
    }
    guard failure == 0 else { throw BenchmarkError("\(name) cannot be started: \(failure)") }
    return child
  }

  /// The child's status at its end.
  private static func wait(_ child: pid_t, _ name: String) throws -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw BenchmarkError("\(name) was lost: \(errno)") }
    }
    return status
  }

  /// `texts` as C has them: an array of strings with nil at its end.
  @unsafe
  private static func withCStrings<Result>(
    _ texts: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var strings: [UnsafeMutablePointer<CChar>?] = unsafe []
    for text in texts { unsafe strings.append(strdup(text)) }
    unsafe strings.append(nil)
    defer { for index in unsafe strings.indices { unsafe free(strings[index]) } }
    return unsafe strings.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
  }
}
