import Foundation
import TestSupport
import Testing

/// `train --dashboard` as a user sees it: the program, a real socket, a run that goes on meanwhile.
@Suite(.serialized) struct RunWatchTests {
  private func start(_ place: Workplace, _ flags: String) throws -> ScionProgram.Running {
    try ScionProgram.start(
      "\(TrainingTests.train) \(flags)".split(separator: " ").map(String.init), in: place.path)
  }

  private func shownPort(_ run: ScionProgram.Running) -> Int? {
    run.messages.firstMatch(of: /http:\/\/127\.0\.0\.1:([0-9]+)\//).flatMap { Int($0.1) }
  }

  @Test("A run that goes on is on the page and in the numbers; ctrl-C ends both at once")
  func aRunIsSeenWhileItGoesOn() throws {
    let place = try Workplace()
    let run = try start(place, "--dashboard 0 --steps 1000000 --val-split 0")
    try run.wait { run.messages.contains("step 20/") }
    let port = try #require(shownPort(run))
    #expect(run.messages.components(separatedBy: "http://").count == 2, "said once")
    let page = try #require(LoopbackClient.request("/", port: port))
    #expect(page.status == 200 && page.body.contains("data-state=\"running\""))
    #expect(page.body.contains("Learning rate") && page.body.contains("<polyline"))
    let first = try #require(LoopbackClient.request("/run.json", port: port))
    let numbers = try Workplace.object(first.body)
    let steps = try #require(numbers["steps"] as? [[String: Any]])
    #expect(numbers["state"] as? String == "running" && steps.count >= 20)
    #expect(steps[0]["loss"] is Double && numbers["summary"] is [String: Any])
    try run.wait {
      guard let next = LoopbackClient.request("/run.json", port: port),
        let object = try? Workplace.object(next.body)
      else { return false }
      return (object["steps"] as? [Any])?.count ?? 0 > steps.count
    }
    let began = ContinuousClock.now
    run.process.interrupt()
    #expect(run.wait().code == 130)
    #expect(ContinuousClock.now - began < .seconds(5))
    #expect(LoopbackClient.request("/", port: port) == nil)
    #expect(
      place.exists("run/report.html") == false || !place.text("run/report.html").contains("<script")
    )
  }

  @Test("A watched run ends by itself, and its report is as ever")
  func aWatchedRunEnds() throws {
    let place = try Workplace()
    let outcome = try start(place, "--dashboard 0 --steps 3").wait()
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(!place.text("run/report.html").contains("<script"))
    #expect(!place.text("run/report.html").contains("data-state"))
    #expect(!place.text("run/recipe.yaml").contains("dashboard"))
  }

  @Test("A port that is taken, or none, is one sentence, and nothing is written")
  func aPortInUseWritesNothing() throws {
    let (place, other) = (try Workplace(), try Workplace())
    let run = try start(other, "--dashboard 0 --steps 1000000 --val-split 0")
    try run.wait { shownPort(run) != nil }
    let port = try #require(shownPort(run))
    let refused = try start(place, "--dashboard \(port)").wait()
    run.process.interrupt()
    #expect(run.wait().code == 130)
    #expect(refused.code == 2)
    #expect(
      refused.messages
        == "scion: port \(port) is in use: choose another, or 0 for one that is free\n")
    #expect(!place.exists("run"))
    for bad in ["65536", "-1", "x"] {
      let outcome = try start(place, "--dashboard=\(bad)").wait()
      #expect(outcome.code == 2 && !place.exists("run"), "\(bad)")
    }
  }

  @Test("A run that is interrupted while it reads its data ends with 130, and nothing is written")
  func anInterruptionBeforeTheRunWritesNothing() throws {
    let place = try Workplace()
    // Nobody writes into the pipe, so that the run stays there.
    #expect(mkfifo("\(place.path)/pipe", 0o600) == 0)
    for signal in [SIGINT, SIGTERM] {
      let run = try ScionProgram.start(
        ["train", "-m", "base.gguf", "--data", "pipe", "-o", "run", "--dashboard", "0"],
        in: place.path)
      try run.wait { shownPort(run) != nil }
      kill(run.process.processIdentifier, signal)
      #expect(run.wait().code == 130)
      #expect(!place.exists("run"))
    }
  }

  @Test("A folder's earlier results are not shown as the new run's")
  func earlierResultsAreNotShown() throws {
    let place = try Workplace()
    #expect(try start(place, "--steps 2").wait().code == 0)
    let run = try start(place, "--overwrite --dashboard 0 --steps 1000000 --val-split 0")
    try run.wait { run.messages.contains("step 10/") }
    let port = try #require(shownPort(run))
    let answer = try #require(LoopbackClient.request("/run.json", port: port))
    run.process.interrupt()
    #expect(run.wait().code == 130)
    let steps = try Workplace.object(answer.body)["steps"] as? [Any]
    #expect(steps?.count ?? 0 >= 10)
  }
}
