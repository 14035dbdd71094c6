import Dispatch
import Foundation
import Tensors

/// Raises a `StopFlag` at the first ctrl-C or SIGTERM, so that a run can end at the next safe place; the second one ends the
/// process at once.
///
/// Made when the work begins that looks at the flag: before, a signal ends the process as ever, and nothing was written.
struct InterruptFlag {
  /// What long work looks at.
  let stop = StopFlag()
  private var sources: [any DispatchSourceSignal] = []

  init() {
    let queue = DispatchQueue(label: "signals")
    for number in [SIGINT, SIGTERM] {
      // The default action must be off for the dispatch source to see the signal.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      let stop = stop
      source.setEventHandler {
        // Not exit(): OpenMP's clean-up must not run under threads that still compute. What is half written has a
        // temporary name.
        if stop.isRaised { _exit(ExitStatus.interrupted.rawValue) }
        stop.raise()
      }
      source.resume()
      sources.append(source)
    }
  }

  var isSet: Bool { stop.isRaised }
}
