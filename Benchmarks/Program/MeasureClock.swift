import ArgumentParser
import Foundation

/// The clock that a benchmark holds.
enum MeasureClock: String, ExpressibleByArgument, CaseIterable {
  /// Time passed: what a user waits for.
  case wall
  /// Processor time of the process. With one thread it is what the work costs, whoever else uses the machine.
  case cpu

  /// Seconds since some moment.
  var now: Double {
    var time = timespec()
    unsafe clock_gettime(self == .wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }

  /// Seconds that `body` takes.
  func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = now
    try body()
    return max(now - start, 1e-9)
  }
}
