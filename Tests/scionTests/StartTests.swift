import Foundation
import Testing

/// The start as a user sees it: files, flags, and what an interruption leaves.
@Suite(.serialized) struct StartTests {
  /// `init.json` without its time, and the adapter.
  private func result(_ place: Workplace) throws -> (report: String, adapter: Data) {
    let lines = place.text("run/init.json").split(separator: "\n")
      .filter { !$0.contains("\"seconds\"") }
    return (lines.joined(separator: "\n"), try #require(place.bytes("run/adapter.gguf")))
  }

  @Test(
    "The same seed gives the same init.json and adapter on one and two threads and in two runs",
    arguments: ["lora-one --init-scale linesearch", "eva", "orthogonal", "gaussian"])
  func bitsDependOnTheSeedAlone(start: String) throws {
    let place = try Workplace()
    func run(_ flags: String) throws -> (report: String, adapter: Data) {
      let outcome = try place.scion(
        "\(TrainingTests.train) --init \(start) --steps 2 --quiet --overwrite \(flags)")
      #expect(outcome.code == 0, "\(outcome.messages)")
      return try result(place)
    }
    let first = try run("--threads 1")
    for flags in ["--threads 1", "--threads 2"] {
      let again = try run(flags)
      #expect(again.report == first.report && again.adapter == first.adapter, "\(flags)")
    }
    let other = try run("--threads 1 --seed 43")
    #expect(other.report != first.report && other.adapter != first.adapter)
  }

  @Test("A killed start goes on where it was, and ends as if nothing had happened")
  func killedStartGoesOn() throws {
    let place = try Workplace()
    let line = #"{"prompt":"a long question of many words","completion":"a long answer"}"#
    var train = ""
    // Where the start is over before it is killed, a longer one is taken.
    for count in [3000, 12_000, 48_000] {
      try? FileManager.default.removeItem(atPath: "\(place.path)/run")
      try place.write("data.jsonl", String(repeating: line + "\n", count: count))
      train =
        "train -m base.gguf --data data.jsonl -o run --init lora-one --init-samples \(count) "
        + "--steps 1 --threads 1 --init-scale linesearch"
      let run = try ScionProgram.start(
        train.split(separator: " ").map(String.init), in: place.path)
      // Both blocks are complete; the search is not.
      try run.wait {
        place.exists("run/start.partial/block-0.safetensors") || place.exists("run/init.json")
      }
      kill(run.process.processIdentifier, SIGKILL)
      _ = run.wait()
      if !place.exists("run/init.json") { break }
    }
    try #require(!place.exists("run/init.json"), "the start was over before it was killed")
    let resumed = try place.scion(train)
    #expect(resumed.code == 0, "\(resumed.messages)")
    #expect(resumed.messages.contains("goes on after 2 blocks of an interrupted one"))
    #expect(!place.exists("run/start.partial"))
    let found = try result(place)
    #expect(try place.scion("\(train) --overwrite --quiet").code == 0)
    let whole = try result(place)
    #expect(found.report == whole.report && found.adapter == whole.adapter)
  }

  @Test("The flags of the start are in the recipe, and wrong values are named")
  func flagsOfTheStart() throws {
    let place = try Workplace()
    let outcome = try place.scion(
      "\(TrainingTests.train) --init lora-one --init-scale theory --init-loss per-sequence "
        + "--init-order first --steps 0 --quiet")
    #expect(outcome.code == 0, "\(outcome.messages)")
    for line in ["init_scale: theory", "init_loss: per-sequence", "init_order: first"] {
      #expect(place.text("run/recipe.yaml").contains(line + "\n"), "\(line)")
    }
    let report = try place.json("run/init.json")
    #expect(report["init_loss"] as? String == "per-sequence")
    #expect(report["init_scale"] as? String == "theory")
    #expect(report["seed"] as? Int == 42)
    for flag in ["--init-scale", "--init-loss", "--init-order"] {
      let wrong = try place.scion("\(TrainingTests.train) \(flag) magic --overwrite")
      #expect(wrong.code == 2 && wrong.messages.contains("magic"), "\(wrong.messages)")
    }
  }
}
