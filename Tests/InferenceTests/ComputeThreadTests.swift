import Foundation
import Testing

@testable import Inference

@Suite
struct ComputeThreadTests {
  private struct Failure: Error, Equatable {}

  /// Mutable and not Sendable: it must not leave its thread.
  private final class Counter {
    var value = 0
    let thread = Thread.current
  }

  @Test func allWorkRunsOnTheThreadThatMadeTheState() async throws {
    let compute = ComputeThread(name: "test") { Counter() }
    await withTaskGroup(of: Bool?.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try? await compute.run { counter in
            counter.value += 1
            return Thread.current === counter.thread && !Thread.isMainThread
          }
        }
      }
      for await onThread in group { #expect(onThread == true) }
    }
    let value = try await compute.run { $0.value }
    #expect(value == 50)
  }

  @Test func errorsReachTheCallerAndTheThreadGoesOn() async throws {
    let compute = ComputeThread(name: "test") { 1 }
    await #expect(throws: Failure.self) { try await compute.run { _ in throw Failure() } }
    let value = try await compute.run { $0 }
    #expect(value == 1)
  }

  @Test func aStateThatCannotBeMadeFailsEveryCall() async {
    let compute = ComputeThread<Int>(name: "test") { throw Failure() }
    for _ in 0..<2 {
      await #expect(throws: Failure.self) { try await compute.run { $0 } }
    }
  }

  @Test func deepRecursionFitsTheStack() async throws {
    let compute = ComputeThread(name: "test") { 0 }
    @Sendable func depth(_ n: Int) -> Int { n == 0 ? 0 : 1 + depth(n - 1) }
    let reached = try await compute.run { _ in depth(20_000) }
    #expect(reached == 20_000)
  }
}
