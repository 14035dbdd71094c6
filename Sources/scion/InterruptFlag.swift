import Dispatch
import Foundation
import Tensors

/// Raises a `StopFlag` at the first ctrl-C or SIGTERM, so that a run can end at the next safe place; the second one ends the
/// process at once.
///
/// Made when the work begins that looks at the flag; until then, and in commands that look at none, the first signal ends the
/// process (`endAtOnce`).
struct InterruptFlag {
  /// What long work looks at.
  let stop: StopFlag
  private let pauses: PauseSignals
  private var sources: [any DispatchSourceSignal] = []

  init(_ pauses: PauseSignals = PauseSignals()) {
    self.pauses = pauses
    stop = pauses.stop
    for number in [SIGINT, SIGTERM] {
      let stop = stop
      sources.append(
        Self.source(number) {
          // Not exit(): OpenMP's clean-up must not run under threads that still compute. What is half written has a
          // temporary name.
          if stop.isRaisedNow { _exit(ExitStatus.interrupted.rawValue) }
          stop.raise()
        })
    }
  }

  var isSet: Bool { stop.isRaised }

  /// Makes ctrl-C and SIGTERM end the process with the exit code of the contract, also where the program that started it had
  /// them blocked.
  static func endAtOnce() {
    var numbers = sigset_t()
    unsafe sigemptyset(&numbers)
    for number in [SIGINT, SIGTERM] {
      // Only what a signal handler may call.
      signal(number) { _ in _exit(ExitStatus.interrupted.rawValue) }
      unsafe sigaddset(&numbers, number)
    }
    unsafe pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
  }

  private static let queue = DispatchQueue(label: "signals")

  /// Calls `handler` at each signal `number`, on a queue of its own.
  static func source(
    _ number: Int32, _ handler: @escaping @Sendable () -> Void
  ) -> any DispatchSourceSignal {
    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
    let registered = DispatchSemaphore(value: 0)
    source.setEventHandler(handler: handler)
    source.setRegistrationHandler { registered.signal() }
    source.resume()
    // From here on Dispatch's handler has taken the place of the one before, and none is lost in between.
    registered.wait()
    return source
  }
}
