internal import Dispatch
internal import Foundation
internal import Synchronization

/// One thread that owns some mutable state and does all work on it, for callers that are asynchronous.
///
/// The kernels keep a team of workers for each calling thread, so computing must not wander through Swift's pool of
/// threads. The state is made on the thread and never leaves it; work is done in the order of the calls. A program
/// that computes on its main thread does not need this.
public final class ComputeThread<State>: Sendable {
  private let queue = WorkQueue<State>()

  /// Starts the thread. `makeState` runs on it before the first work; if it throws, every `run` throws the same.
  public init(
    name: String, stackSize: Int = 16 << 20, makeState: @escaping @Sendable () throws -> State
  ) {
    let queue = queue
    let thread = Thread { queue.work(makeState) }
    thread.name = name
    thread.stackSize = stackSize
    thread.start()
  }

  deinit { queue.add(nil) }

  /// Runs `body` on the thread and waits, without blocking the caller's thread.
  public func run<Value: Sendable>(
    _ body: @escaping @Sendable (inout State) throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      queue.add(
        Work(
          run: { state in continuation.resume(with: Result { try body(&state) }) },
          fail: { error in continuation.resume(throwing: error) }))
    }
  }
}

/// One piece of work, and what to do with it when there is no state to run it on.
private struct Work<State>: Sendable {
  let run: @Sendable (inout State) -> Void
  let fail: @Sendable (any Error) -> Void
}

/// Work waiting for the thread; nil ends it.
private final class WorkQueue<State>: Sendable {
  private let waiting = Mutex<[Work<State>?]>([])
  private let count = DispatchSemaphore(value: 0)

  func add(_ work: Work<State>?) {
    waiting.withLock { $0.append(work) }
    count.signal()
  }

  private func next() -> Work<State>? {
    count.wait()
    return waiting.withLock { $0.removeFirst() }
  }

  /// The thread's body.
  func work(_ makeState: @Sendable () throws -> State) {
    do {
      var state = try makeState()
      while let work = next() { work.run(&state) }
    } catch {
      while let work = next() { work.fail(error) }
    }
  }
}
