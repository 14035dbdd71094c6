import Foundation
import Testing

/// Ctrl-C and kill at any moment: what is finished stays whole.
@Suite(.serialized) struct InterruptionTests {
  /// Far more steps than any test waits for.
  static let train = "\(TrainingTests.train) --steps 1000000 --eval-every 2"

  @Test(
    "Ctrl-C while training ends at the last finished step, keeps the adapter and exits with 130")
  func interruptWhileTraining() throws {
    let place = try Workplace()
    let run = try start(place)
    try run.wait { run.messages.contains("step 3/") }
    run.process.interrupt()
    let outcome = run.wait()
    #expect(outcome.code == 130)
    let last = try #require(outcome.messages.split(separator: "\n").last)
    #expect(last.hasPrefix("scion: interrupted after step "))
    #expect(last.hasSuffix(", and the adapter trained so far is in run"))
    #expect(try checkFiles(place) == "whole lines")
    #expect(
      try place.scion("generate -m base.gguf --adapter run -p a --max-tokens 1 --quiet").code == 0)
    #expect(place.exists("run/README.md"))
  }

  @Test("Ctrl-C during the start ends before training, with 130 and no adapter")
  func interruptDuringTheStart() throws {
    // Where the start is over before ctrl-C comes, a longer one is taken.
    let (place, outcome) = try interrupted(records: [4000, 16_000, 64_000]) { place, count in
      let run = try ScionProgram.start(
        "train -m base.gguf --data data.jsonl -o run --init lora-one --init-samples \(count)"
          .split(separator: " ").map(String.init), in: place.path)
      try run.wait { run.messages.contains("start ") }
      run.process.interrupt()
      return run.wait()
    }
    #expect(outcome.code == 130)
    #expect(
      outcome.messages.hasSuffix(
        "scion: interrupted before the first step: nothing was trained; the same command continues the start\n"
      ))
    #expect(!place.exists("run/adapter.gguf"))
  }

  @Test("A second ctrl-C ends the run at once, with 130, without noise and with whole files")
  func interruptTwice() throws {
    // One step of many tokens; where it is over before the second ctrl-C, a longer one is taken.
    let (place, outcome) = try interrupted(records: [20_000, 80_000, 320_000]) { place, count in
      let run = try ScionProgram.start(
        "\(TrainingTests.train) --batch \(count) --steps 100 --init gaussian --val-split 0"
          .replacing("--batch 4 ", with: "").split(separator: " ").map(String.init), in: place.path)
      try run.wait { place.exists("run/metrics.jsonl") }
      run.process.interrupt()
      Thread.sleep(forTimeInterval: 0.02)
      run.process.interrupt()
      return run.wait()
    }
    #expect(outcome.code == 130)
    #expect(!outcome.messages.contains("interrupted after"))
    #expect(!outcome.messages.contains("OMP"))
    try checkFiles(place)
  }

  @Test("Killed at random moments, a run leaves whole files, and the next run starts over them")
  func killAtRandomMoments() throws {
    let place = try Workplace()
    for round in 0..<8 {
      let run = try start(place)
      if round > 0 { try run.wait { run.messages.contains("step 1/") } }
      Thread.sleep(forTimeInterval: Double.random(in: 0...0.15))
      kill(run.process.processIdentifier, SIGKILL)
      #expect(run.wait().code == 128 + SIGKILL)
      try checkFiles(place)
    }
    let after = try place.scion("\(TrainingTests.train) --steps 1 --overwrite --quiet")
    #expect(after.code == 0, "\(after.messages)")
    #expect(try !place.names("run").contains { $0.hasSuffix(".tmp") })
  }

  private func start(_ place: Workplace) throws -> ScionProgram.Running {
    try ScionProgram.start(
      "\(Self.train) --overwrite".split(separator: " ").map(String.init), in: place.path)
  }

  /// The first outcome of `run`, with so many records, that says nothing of a finished step.
  private func interrupted(
    records: [Int], _ run: (Workplace, Int) throws -> ScionProgram.Outcome
  ) throws -> (Workplace, ScionProgram.Outcome) {
    let line = #"{"prompt":"a long question of many words","completion":"a long answer"}"#
    for count in records {
      let place = try Workplace()
      try place.write("data.jsonl", String(repeating: line + "\n", count: count))
      let outcome = try run(place, count)
      let isTooLate = outcome.code == 0 || outcome.messages.contains("interrupted after")
      if !isTooLate { return (place, outcome) }
    }
    throw FasterThanAnyTest()
  }

  /// Even the most records were too few.
  private struct FasterThanAnyTest: Error {}

  /// The adapter is complete or absent; every line of the metrics but the last is a JSON object.
  @discardableResult
  private func checkFiles(_ place: Workplace) throws -> String {
    if place.exists("run/adapter.gguf") {
      #expect(try place.scion("inspect run/adapter.gguf").code == 0)
    }
    let lines = place.text("run/metrics.jsonl").split(
      separator: "\n", omittingEmptySubsequences: false)
    for line in lines.dropLast() {
      #expect(try Workplace.object(String(line))["step"] != nil)
    }
    return lines.last == "" ? "whole lines" : "a part of a line"
  }
}
