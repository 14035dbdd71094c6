import Testing

@testable import scion_bench

@Suite struct BusyCommandTests {
  @Test func theFairShareIsWhatTheSchedulerOwes() {
    #expect(BusyCommand.fairShare(threads: 2, cores: 2, busy: 0) == 1)
    #expect(BusyCommand.fairShare(threads: 2, cores: 2, busy: 1) == 2.0 / 3)
    #expect(BusyCommand.fairShare(threads: 2, cores: 2, busy: 2) == 0.5)
    // A core is free for the other.
    #expect(BusyCommand.fairShare(threads: 1, cores: 2, busy: 1) == 1)
    // More threads than cores have had to share before.
    #expect(BusyCommand.fairShare(threads: 4, cores: 2, busy: 4) == 0.5)
  }
}
