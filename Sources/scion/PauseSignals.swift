import Dispatch
import Foundation
import Tensors

/// Pauses work at SIGUSR1 and lets it go on at SIGUSR2: nothing computes meanwhile, memory stays, and ctrl-C saves and ends.
///
/// Made before a model is opened, so that a signal that comes early is kept and does not end the process.
struct PauseSignals {
  /// What long work looks at.
  let stop = StopFlag()
  private let sources: [any DispatchSourceSignal]

  init() {
    let stop = stop
    sources = [
      InterruptFlag.source(SIGUSR1) {
        guard stop.pause() else { return }
        Self.say("paused; go on with: kill -USR2 \(ProcessInfo.processInfo.processIdentifier)")
      },
      InterruptFlag.source(SIGUSR2) {
        if stop.goOn() { Self.say("goes on") }
      },
    ]
  }

  /// A line of its own, also after a progress line that is still open.
  private static func say(_ text: String) {
    let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    StandardStreams.message("\(isTerminal ? "\n" : "")scion: \(text)\n")
  }
}
