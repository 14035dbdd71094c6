import Dispatch
import Foundation
import Synchronization

/// Becomes true at the first ctrl-C or SIGTERM, so that a run can end at the next safe place; the second one ends the
/// process at once.
struct InterruptFlag {
  /// How often the user asked to stop; shared with the signal handlers.
  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }

  private let counter = Counter()
  private var sources: [any DispatchSourceSignal] = []

  init() {
    let queue = DispatchQueue(label: "signals")
    for number in [SIGINT, SIGTERM] {
      // The default action must be off for the dispatch source to see the signal.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      let counter = counter
      source.setEventHandler {
        let earlier = counter.value.add(1, ordering: .relaxed).oldValue
        // Not exit(): OpenMP's clean-up must not run under threads that still compute. What is half written has a
        // temporary name.
        if earlier > 0 { _exit(ExitStatus.interrupted.rawValue) }
      }
      source.resume()
      sources.append(source)
    }
  }

  var isSet: Bool { counter.value.load(ordering: .relaxed) > 0 }
}
