internal import Synchronization

/// A wish to stop, raised once and for good by whoever hears the user (a signal's handler), and looked at by long work
/// between its pieces: blocks of a model, micro-batches, chunks of rows.
///
/// Work that sees it raised returns early and leaves nothing of use behind: its caller looks at the flag too.
public final class StopFlag: Sendable {
  private let value = Atomic<Bool>(false)

  public init() {}

  public var isRaised: Bool { value.load(ordering: .relaxed) }

  public func raise() { value.store(true, ordering: .relaxed) }
}

extension StopFlag? {
  /// Whether there is a flag and it is raised.
  public var isRaised: Bool { self?.isRaised ?? false }
}
