import Dispatch
import Foundation
import Synchronization

/// Becomes true at the first ctrl-C or SIGTERM, so that a run can end at the next safe place; the second one ends the
/// process at once.
final class InterruptFlag: Sendable {
  private let count = Atomic<Int>(0)
  private let sources: Mutex<[any DispatchSourceSignal]>

  init() {
    sources = Mutex([])
    let queue = DispatchQueue(label: "signals")
    for number in [SIGINT, SIGTERM] {
      // The default action must be off for the dispatch source to see the signal.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { [weak self] in
        guard let self else { return }
        let earlier = self.count.add(1, ordering: .relaxed).oldValue
        if earlier > 0 { Foundation.exit(ExitStatus.interrupted.rawValue) }
      }
      source.resume()
      sources.withLock { $0.append(source) }
    }
  }

  var isSet: Bool { count.load(ordering: .relaxed) > 0 }
}
