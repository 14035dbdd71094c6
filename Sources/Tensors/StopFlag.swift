internal import Glibc
internal import Synchronization

/// A wish to stop, raised once and for good by whoever hears the user (a signal's handler), and looked at by long work
/// between its pieces: blocks of a model, micro-batches, chunks of rows.
///
/// Work that sees it raised returns early and leaves nothing of use behind: its caller looks at the flag too.
///
/// The user may also pause: whoever looks at `isRaised` meanwhile waits there, with all its memory, until the user goes on
/// or stops.
public final class StopFlag: Sendable {
  private struct Pause {
    var since: ContinuousClock.Instant?
    var before = Duration.zero
  }

  private let raised = Atomic<Bool>(false)
  private let paused = Atomic<Bool>(false)
  private let pauses = Mutex(Pause())

  /// Microseconds between two looks of a thread that waits.
  private static let patience: UInt32 = 20_000

  public init() {}

  /// Whether work is to stop. While work is paused, the calling thread waits here.
  public var isRaised: Bool {
    while paused.load(ordering: .relaxed), !isRaisedNow { usleep(Self.patience) }
    return isRaisedNow
  }

  /// The same without waiting: for signal handlers, and where other threads stand by for the caller.
  public var isRaisedNow: Bool { raised.load(ordering: .relaxed) }

  public func raise() { raised.store(true, ordering: .relaxed) }

  // MARK: - Pause

  /// Makes work wait at its next look. Returns false when it was paused before.
  @discardableResult public func pause() -> Bool {
    pauses.withLock { pauses in
      guard pauses.since == nil else { return false }
      pauses.since = .now
      paused.store(true, ordering: .relaxed)
      return true
    }
  }

  /// Lets work go on. Returns false when it was not paused.
  @discardableResult public func goOn() -> Bool {
    pauses.withLock { pauses in
      guard let since = pauses.since else { return false }
      pauses.before += .now - since
      pauses.since = nil
      paused.store(false, ordering: .relaxed)
      return true
    }
  }

  /// How long work has been paused in all, the present pause included: what clocks of work leave out.
  public var pausedTime: Duration {
    pauses.withLock { pauses in
      pauses.before + (pauses.since.map { .now - $0 } ?? .zero)
    }
  }
}

extension StopFlag? {
  /// Whether there is a flag and it is raised; waits as `StopFlag.isRaised` does.
  public var isRaised: Bool { self?.isRaised ?? false }

  /// Zero where there is no flag.
  public var pausedTime: Duration { self?.pausedTime ?? .zero }
}
