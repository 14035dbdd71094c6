import Foundation
import TestSupport
import Testing

/// A run that was killed, interrupted or damaged goes on with the same command, and ends as if nothing had happened.
/// `scripts/check-resume` does the same a hundred times and with full disks.
@Suite(.serialized) struct ResumeTests {
  static let train =
    "train -m base.gguf --data data.jsonl -o run --batch 4 --steps 60 --lr 5e-3 --val-split 0.2"

  /// What must be the same to the byte, and the numbers that must be.
  private struct Result: Equatable {
    var adapter: Data?
    var peft: Data?
    var losses: [String]

    init(_ place: Workplace) throws {
      adapter = place.bytes("run/adapter.gguf")
      peft = place.bytes("run/peft/adapter_model.safetensors")
      losses = try place.text("run/metrics.jsonl").split(separator: "\n").map { line in
        let row = try Workplace.object(String(line))
        return "\(row["step"] ?? "") \(row["loss"] ?? "") \(row["validation_loss"] ?? "")"
      }
    }
  }

  /// The result of the whole run, in a folder of its own.
  private func whole(_ flags: String) throws -> Result {
    let place = try Workplace()
    let outcome = try place.scion("\(Self.train) \(flags) --quiet")
    #expect(outcome.code == 0, "\(outcome.messages)")
    return try Result(place)
  }

  private func start(_ place: Workplace, _ flags: String) throws -> ScionProgram.Running {
    try ScionProgram.start(
      "\(Self.train) \(flags)".split(separator: " ").map(String.init), in: place.path)
  }

  /// Kills a run once a checkpoint of step `step` or a later one is there and before its end, and returns the place.
  private func killed(
    _ flags: String, after step: Int, prepare: (Workplace) throws -> Void = { _ in }
  ) throws -> Workplace {
    for _ in 0..<20 {
      let place = try Workplace()
      try prepare(place)
      let run = try start(place, flags)
      try run.wait {
        place.text("run/metrics.jsonl").contains("\"step\":\(step + 1)")
          || place.exists("run/README.md")
      }
      kill(run.process.processIdentifier, SIGKILL)
      _ = run.wait()
      if !place.exists("run/README.md"), try !checkpoints(place).isEmpty { return place }
    }
    throw AlwaysOver()
  }

  private struct AlwaysOver: Error {}

  /// Steps of the whole checkpoints, in order.
  private func checkpoints(_ place: Workplace) throws -> [Int] {
    try place.names("run/checkpoints").filter {
      place.exists("run/checkpoints/\($0)/manifest.json")
    }
    .compactMap { Int($0.dropFirst(5)) }.sorted()
  }

  @Test(
    "Killed at random moments and on other numbers of threads, a run ends with the same bytes",
    arguments: [
      "--init lora-one --init-scale linesearch --lr auto --eval-every 4 --save-every 2",
      "--init gaussian --dropout 0.1 --moments 8bit --adapter-precision bf16-sr --save-every 1 --keep-last",
      "--init eva --optimizer scaled-adamw --moments bf16 --sample-every 20 --tensorboard --eval-every 3 --patience 2 --save-every 3",
    ])
  func killedRunsEndTheSame(flags: String) throws {
    let expected = try whole(flags)
    let place = try Workplace()
    var isEnded = false
    for round in 0..<3 where !isEnded {
      let run = try start(place, "\(flags) --threads \(round % 2 + 1)")
      Thread.sleep(forTimeInterval: Double.random(in: 0.02...0.4))
      kill(run.process.processIdentifier, SIGKILL)
      isEnded = run.wait().code == 0
    }
    if try Result(place) != expected {
      let last = try place.scion("\(Self.train) \(flags) --quiet")
      #expect(last.code == 0, "\(last.messages)")
      isEnded = true
    }
    #expect(try Result(place) == expected)
    // A kill behind the last result may leave what was just being written.
    if isEnded {
      let rest = try place.names("run").filter { $0.hasSuffix(".tmp") || $0 == "start.partial" }
      #expect(rest.isEmpty)
    }
  }

  @Test(
    "A run that was interrupted with ctrl-C or SIGTERM ends with the same bytes, and says where it goes on",
    arguments: [SIGINT, SIGTERM])
  func interruptedRunsEndTheSame(signal: Int32) throws {
    let flags = "--init gaussian --eval-every 50 --steps 400"
    let expected = try whole(flags)
    let place = try Workplace()
    let run = try start(place, flags)
    try run.wait { run.messages.contains("step 2/") }
    kill(run.process.processIdentifier, signal)
    let outcome = run.wait()
    try #require(outcome.code == 130, "\(outcome.messages)")
    let step = try #require(try checkpoints(place).first)
    #expect(
      outcome.messages.hasSuffix(
        "scion: interrupted after step \(step): the same command goes on from there, and the adapter trained "
          + "so far is in run\n"))
    let resumed = try place.scion("\(Self.train) \(flags)")
    #expect(resumed.code == 0)
    #expect(
      resumed.messages.contains(
        "resume    goes on after step \(step), from run/checkpoints/step-\(step)\n"))
    #expect(try Result(place) == expected)
    // Nobody asked for checkpoints by number: they were for this.
    #expect(!place.exists("run/checkpoints"))
  }

  @Test(
    "A damaged checkpoint is said and the one before it is used",
    arguments: ["bit", "cut", "missing"])
  func damagedCheckpointsAreNotUsed(damage: String) throws {
    let flags = "--init gaussian --save-every 2 --val-split 0"
    let expected = try whole(flags)
    let place = try killed(flags, after: 7)
    let steps = try checkpoints(place)
    try #require(steps.count > 1)
    let name = "run/checkpoints/step-\(steps[steps.count - 1])/tensors.safetensors"
    let file = URL(fileURLWithPath: "\(place.path)/\(name)")
    var bytes = try Data(contentsOf: file)
    bytes[bytes.count / 2] ^= 4
    switch damage {
    case "bit": try bytes.write(to: file)
    case "cut": try bytes.dropLast(3).write(to: file)
    default: try FileManager.default.removeItem(at: file)
    }
    let resumed = try place.scion("\(Self.train) \(flags)")
    #expect(resumed.code == 0)
    let state = damage == "missing" ? "missing" : "damaged"
    #expect(
      resumed.messages.contains("scion: \(name) is \(state): it is not used, the one before is\n"))
    #expect(resumed.messages.contains("goes on after step \(steps[steps.count - 2]),"))
    #expect(try Result(place) == expected)
  }

  @Test("A run of other settings is refused by their names, and begins anew only when asked")
  func otherSettingsAreRefused() throws {
    let flags = "--init gaussian --save-every 2"
    let place = try killed(flags, after: 5)
    let other = flags + " --seed 7 --rank 4"
    let refused = try place.scion("\(Self.train) \(other)")
    #expect(refused.code == 2)
    #expect(
      refused.messages.hasSuffix(
        "scion: run holds an unfinished run that differs in rank, seed: choose another output, or pass "
          + "--resume never or --overwrite to begin anew\n"))
    #expect(try !checkpoints(place).isEmpty)
    // Other places and other shows are no other run.
    let same = try place.scion("\(Self.train) \(flags) --log-every 3 --keep 2")
    #expect(same.code == 0 && same.messages.contains("goes on after step"), "\(same.messages)")
    #expect(try Result(place) == whole(flags))
    #expect(try checkpoints(place).count == 2)

    let again = try killed(flags, after: 5)
    let anew = try again.scion("\(Self.train) \(other) --overwrite")
    #expect(anew.code == 0 && anew.messages.contains("differs in rank, seed: it is replaced"))
    #expect(try Result(again) == whole(other))
  }

  @Test("--resume never begins anew, and --resume PATH goes on from that checkpoint elsewhere")
  func resumeAsAsked() throws {
    let flags = "--init lora-one --save-every 2 --eval-every 3"
    let expected = try whole(flags)
    let place = try killed(flags, after: 5)
    let step = try #require(try checkpoints(place).first)
    let file = FileManager.default
    try file.moveItem(atPath: "\(place.path)/run", toPath: "\(place.path)/earlier")
    let path = "earlier/checkpoints/step-\(step)"
    let elsewhere = try place.scion("\(Self.train) \(flags) --resume \(path)")
    #expect(elsewhere.code == 0, "\(elsewhere.messages)")
    #expect(elsewhere.messages.contains("goes on after step \(step), from \(path)\n"))
    #expect(try Result(place) == expected)
    #expect(place.exists("run/init.json") && place.exists("\(path)/manifest.json"))

    try file.removeItem(atPath: "\(place.path)/run")
    try file.moveItem(atPath: "\(place.path)/earlier", toPath: "\(place.path)/run")
    let anew = try place.scion("\(Self.train) \(flags) --resume never")
    #expect(anew.code == 0 && !anew.messages.contains("goes on"), "\(anew.messages)")
    #expect(try Result(place) == expected)

    let none = try place.scion("\(Self.train) --resume nowhere --overwrite")
    #expect(none.code == 2)
    #expect(
      none.messages.hasSuffix(
        "scion: cannot go on from nowhere: no checkpoint is there; name a run's folder or one of its checkpoints\n"
      ))
  }

  @Test("Another budget that makes other micro-batches goes on and says what that means")
  func anotherBudgetIsSaid() throws {
    let flags = "--init gaussian --save-every 2 --val-split 0 --batch 24 --compute f32"
      .replacing("--batch 4 ", with: "")
    let place = try killed(flags, after: 3)
    let state = place.text("run/checkpoints/step-\(try checkpoints(place).last ?? 0)/state.json")
    let least = try place.scion(
      "plan -m base.gguf --data data.jsonl --batch 24 --memory 1M --compute f32")
    let words = least.messages.split(separator: " ").map(String.init)
    let position = try #require(words.firstIndex(of: "least"), "\(least.messages)")
    let outcome = try place.scion("\(Self.train) \(flags) --memory \(words[position + 1])")
    #expect(outcome.code == 0, "\(outcome.messages)")
    let recipe = place.text("run/recipe.yaml")
    #expect(
      state.contains("\"micro-batches\"") && recipe.contains("memory: \(words[position + 1])"))
    #expect(outcome.messages.contains("micro-batches"))
    #expect(
      outcome.messages.contains(
        " differ from those of the steps before: the result may differ from an uninterrupted run's in its "
          + "last bits"))
  }

  @Test("A run goes on with the day that its template told, and another template is another run")
  func theDayStays() throws {
    let flags = "--template clock.jinja --save-every 1"
    func withTemplate(_ place: Workplace, _ text: String) throws {
      try place.write(
        "clock.jinja",
        "\(text){{ strftime_now('%Y') }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
      )
    }
    let place = try killed("\(flags) --now 2020-01-01", after: 2) { try withTemplate($0, "a") }
    try withTemplate(place, "b")
    let other = try place.scion("\(Self.train) \(flags)")
    #expect(other.code != 0 && other.messages.contains("template"), "\(other.messages)")
    try withTemplate(place, "a")
    let outcome = try place.scion("\(Self.train) \(flags)")
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(place.text("run/recipe.yaml").contains("2020-01-01"))
  }
}
