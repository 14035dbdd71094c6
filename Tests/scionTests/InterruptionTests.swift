import Foundation
import Testing

/// Ctrl-C and kill at any moment: what is finished stays whole.
@Suite(.serialized) struct InterruptionTests {
  /// Far more steps than any test waits for.
  static let train = "\(TrainingTests.train) --steps 1000000 --eval-every 2"

  @Test("Ctrl-C while training finishes the step, keeps the adapter and exits with 130")
  func interruptWhileTraining() throws {
    let place = try Workplace()
    let run = try start(place)
    try waitUntil { run.messages.contains("step 3/") }
    run.process.interrupt()
    let outcome = run.wait()
    #expect(outcome.code == 130)
    let last = try #require(outcome.messages.split(separator: "\n").last)
    #expect(last.hasPrefix("scion: interrupted after step "))
    #expect(last.hasSuffix(": the adapter trained so far is in run"))
    #expect(try checkFiles(place) == "whole lines")
    #expect(
      try place.scion("generate -m base.gguf --adapter run -p a --max-tokens 1 --quiet").code == 0)
    #expect(place.exists("run/README.md"))
  }

  @Test("Ctrl-C during the start ends before training, with 130 and no adapter")
  func interruptDuringTheStart() throws {
    let place = try Workplace()
    // Enough records that the start takes seconds.
    let line = #"{"prompt":"a long question of many words","completion":"a long answer"}"#
    try place.write("data.jsonl", String(repeating: line + "\n", count: 4000))
    let run = try ScionProgram.start(
      "train -m base.gguf --data data.jsonl -o run --init lora-one --init-samples 4000"
        .split(separator: " ").map(String.init), in: place.path)
    try waitUntil { run.messages.contains("start ") }
    run.process.interrupt()
    let outcome = run.wait()
    #expect(outcome.code == 130)
    #expect(
      outcome.messages.hasSuffix(
        "scion: interrupted before the first step: nothing was trained; the same command continues the start\n"
      ))
    #expect(!place.exists("run/adapter.gguf"))
  }

  @Test("A second ctrl-C ends the run at once, with 130, without noise and with whole files")
  func interruptTwice() throws {
    let place = try Workplace()
    // One step of many tokens.
    let line = #"{"prompt":"a long question of many words","completion":"a long answer"}"#
    try place.write("data.jsonl", String(repeating: line + "\n", count: 20_000))
    let run = try ScionProgram.start(
      "\(TrainingTests.train) --batch 20000 --steps 100 --init gaussian --val-split 0"
        .replacing("--batch 4 ", with: "").split(separator: " ").map(String.init), in: place.path)
    try waitUntil { place.exists("run/metrics.jsonl") }
    run.process.interrupt()
    Thread.sleep(forTimeInterval: 0.02)
    run.process.interrupt()
    let outcome = run.wait()
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
      if round > 0 { try waitUntil { run.messages.contains("step 1/") } }
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

  /// Waits for up to 20 seconds.
  private func waitUntil(_ holds: () -> Bool) throws {
    let end = Date(timeIntervalSinceNow: 20)
    while !holds() {
      try #require(Date() < end, "waited for too long")
      Thread.sleep(forTimeInterval: 0.005)
    }
  }

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
