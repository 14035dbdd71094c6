import Foundation
import Synchronization
import Testing

@testable import Tensors

/// Stop, pause and go on, from another thread.
struct StopFlagTests {
  @Test func aPausedThreadWaitsUntilItGoesOn() async throws {
    let flag = StopFlag()
    #expect(flag.pause() && !flag.pause())
    let (isWaiting, answer) = look(flag)
    try await Task.sleep(for: .milliseconds(200))
    #expect(isWaiting.load(ordering: .relaxed))
    #expect(!flag.isRaisedNow)
    #expect(flag.goOn() && !flag.goOn())
    #expect(await answer.value == false)
    let paused = flag.pausedTime
    #expect(paused >= .milliseconds(200))
    try await Task.sleep(for: .milliseconds(50))
    #expect(flag.pausedTime == paused)
  }

  @Test func aStopEndsAPause() async throws {
    let flag = StopFlag()
    flag.pause()
    let (_, answer) = look(flag)
    flag.raise()
    #expect(await answer.value)
    #expect(flag.isRaised)
  }

  @Test func pausesAddUp() async throws {
    let flag = StopFlag()
    for _ in 0..<2 {
      flag.pause()
      try await Task.sleep(for: .milliseconds(30))
      flag.goOn()
    }
    #expect(flag.pausedTime >= .milliseconds(60))
    #expect(StopFlag?.none.pausedTime == .zero && !StopFlag?.none.isRaised)
  }

  private final class Waiting: Sendable {
    let value = Atomic<Bool>(true)
    func load(ordering: AtomicLoadOrdering) -> Bool { value.load(ordering: .relaxed) }
  }

  /// Looks at `flag` on a thread of its own.
  private func look(_ flag: StopFlag) -> (Waiting, Task<Bool, Never>) {
    let waiting = Waiting()
    let task = Task {
      await withCheckedContinuation { continuation in
        Thread.detachNewThread {
          let isRaised = flag.isRaised
          waiting.value.store(false, ordering: .relaxed)
          continuation.resume(returning: isRaised)
        }
      }
    }
    return (waiting, task)
  }
}
