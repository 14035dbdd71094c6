import Foundation
import Testing

/// A run beside other work: niceness, pause and going on.
@Suite(.serialized) struct MannersTests {
  private static let train = "\(TrainingTests.train) --steps 1000000 --val-split 0"

  private func start(_ place: Workplace, _ flags: String = "") throws -> ScionProgram.Running {
    try ScionProgram.start(
      "\(Self.train) \(flags)".split(separator: " ").map(String.init), in: place.path)
  }

  /// Fields after the name in `/proc/PID/task/TID/stat`, by thread: 11 and 12 are clock ticks used, 16 is the niceness. Those of
  /// Dispatch, which wait for signals, have a niceness of their own.
  private func threads(_ run: ScionProgram.Running) throws -> [[String]] {
    let folder = "/proc/\(run.process.processIdentifier)/task"
    return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { thread in
      guard let text = try? String(contentsOfFile: "\(folder)/\(thread)/stat", encoding: .utf8)
      else { return nil }
      guard !text.contains(/\(.*qos.*\)/) else { return nil }
      return text.split(separator: ")").last?.split(separator: " ").map(String.init)
    }
  }

  private func ticks(_ run: ScionProgram.Running) throws -> Int {
    try threads(run).reduce(0) { $0 + (Int($1[11]) ?? 0) + (Int($1[12]) ?? 0) }
  }

  @Test("Every thread that computes in a training run is nice, by 10 unless told otherwise")
  func everyThreadIsNice() throws {
    let own = Int(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0))
    for (flags, nice) in [("", 10), ("--nice 0", 0), ("--nice 15 --threads 2", 15)] {
      let place = try Workplace()
      let run = try start(place, flags)
      try run.wait { run.messages.contains("step 1/") }
      let found = Set(try threads(run).map { Int($0[16]) ?? -1 })
      run.process.interrupt()
      #expect(run.wait().code == 130)
      #expect(found == [max(nice, own)], "\(flags)")
    }
  }

  @Test("Niceness is checked, kept in the recipe, and no other run")
  func nicenessIsASetting() throws {
    let place = try Workplace()
    #expect(try place.scion("\(Self.train) --nice 20").code == 2)
    #expect(try place.scion("eval -m base.gguf --data data.jsonl --task exact --nice 20").code == 2)
    let run = try start(place, "--nice 3")
    try run.wait { run.messages.contains("step 3/") }
    run.process.interrupt()
    #expect(run.wait().code == 130)
    #expect(place.text("run/recipe.yaml").contains("nice: 3"))
    let next = try start(place, "--nice 4")
    try next.wait { next.messages.contains("goes on after step") }
    next.process.interrupt()
    #expect(next.wait().code == 130)
  }

  @Test("A paused run computes nothing, says so once, and goes on; ctrl-C saves while paused")
  func pauseAndGoOn() throws {
    let place = try Workplace()
    let began = ContinuousClock.now
    let run = try start(place)
    let process = run.process.processIdentifier
    try run.wait { run.messages.contains("step 3/") }
    kill(process, SIGUSR1)
    kill(process, SIGUSR1)
    try run.wait { run.messages.contains("paused") }
    Thread.sleep(forTimeInterval: 1)
    let (before, used) = (place.text("run/metrics.jsonl"), try ticks(run))
    Thread.sleep(forTimeInterval: 1)
    #expect(place.text("run/metrics.jsonl") == before)
    #expect(try ticks(run) - used <= 10)

    kill(process, SIGUSR2)
    try run.wait { place.text("run/metrics.jsonl").count > before.count }
    #expect(run.messages.contains("scion: goes on\n"))
    kill(process, SIGUSR1)
    try run.wait { run.messages.components(separatedBy: "scion: paused").count == 3 }
    Thread.sleep(forTimeInterval: 0.3)
    run.process.interrupt()
    let outcome = run.wait()
    #expect(outcome.code == 130)
    #expect(outcome.messages.hasSuffix(", and the adapter trained so far is in run\n"))
    // The pauses of two seconds and more are in no clock.
    let rows = place.text("run/metrics.jsonl").split(separator: "\n")
    let elapsed = try Workplace.object(String(rows.last ?? ""))["elapsed_seconds"] as? Double
    #expect(try #require(elapsed) < (ContinuousClock.now - began) / .seconds(1) - 2)
  }

  @Test("A run that is paused ends with the same bits")
  func pauseChangesNothing() throws {
    let flags = "\(ResumeTests.train) --steps 400".replacing("--steps 60 ", with: "")
    let (whole, place) = (try Workplace(), try Workplace())
    #expect(try whole.scion("\(flags) --quiet").code == 0)
    let run = try ScionProgram.start(
      flags.split(separator: " ").map(String.init), in: place.path)
    try run.wait { run.messages.contains("step 2/") }
    kill(run.process.processIdentifier, SIGUSR1)
    try run.wait { run.messages.contains("paused") }
    Thread.sleep(forTimeInterval: 0.2)
    kill(run.process.processIdentifier, SIGUSR2)
    #expect(run.wait().code == 0)
    #expect(place.bytes("run/adapter.gguf") == whole.bytes("run/adapter.gguf"))
  }
}
