import Foundation
import TestSupport
import Testing

/// What is not Scion's, or is read, is never written, in any command.
@Suite struct OwnershipTests {
  private func check(
    _ place: Workplace, _ arguments: String, _ code: Int32, _ sentence: String,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try place.scion(arguments)
    #expect(outcome.messages == "scion: \(sentence)\n", sourceLocation: location)
    #expect(outcome.code == code, sourceLocation: location)
    #expect(outcome.output.isEmpty, sourceLocation: location)
  }

  /// Every file below the place with its bytes.
  private func contents(_ place: Workplace) throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: place.path)
    var contents: [String: Data] = [:]
    for name in names where !name.hasPrefix(".std") { contents[name] = place.bytes(name) ?? Data() }
    return contents
  }

  @Test("train -o . in a folder of one's own touches nothing")
  func trainIntoOnesOwnFolder() throws {
    let place = try Workplace()
    for name in ["README.md", "recipe.yaml", "init.json"] { try place.write(name, "mine") }
    try FileManager.default.createDirectory(
      atPath: "\(place.path)/peft", withIntermediateDirectories: false)
    try place.write("peft/adapter_config.json", "mine")
    let before = try contents(place)
    for flags in ["", " --overwrite", " --resume never"] {
      let outcome = try place.scion("train -m base.gguf --data data.jsonl -o . --steps 1\(flags)")
      #expect(outcome.code == 2)
      #expect(
        outcome.messages.hasSuffix(
          "which no run of Scion wrote: choose a new or an empty folder as output\n"))
    }
    #expect(try contents(place) == before)
  }

  @Test("A second run into a folder is refused by the number of the first's process")
  func oneRunAFolder() throws {
    let place = try Workplace()
    let run = try ScionProgram.start(
      "\(TrainingTests.train) --steps 1000000".split(separator: " ").map(String.init),
      in: place.path)
    defer { kill(run.process.processIdentifier, SIGKILL) }
    try run.wait { run.messages.contains("step 1/") }
    // The first run's messages lie where the second's would.
    let second = try Workplace()
    let outcome = try second.scion(
      "train -m base.gguf --data data.jsonl -o \(place.path)/run --overwrite")
    #expect(outcome.code == 2)
    #expect(
      outcome.messages.hasPrefix(
        "scion: \(place.path)/run is held by another run (process \(run.process.processIdentifier), since 2"
      ))
  }

  @Test("A file of another kind is never replaced, an earlier result is")
  func outputsOfOtherKinds() throws {
    let place = try Workplace()
    #expect(try place.scion("\(TrainingTests.train) --steps 0 --quiet").code == 0)
    try place.write("notes.md", "{ my words }\n")
    try place.write("mine.jsonl", #"{"index": 0, "prompt": "a", "output": "b"}"# + "\n")
    let commands: [(String, String, String)] = [
      ("eval -m base.gguf --task nll --data data.jsonl --json ", "rows.jsonl", "eval --json"),
      ("eval -m base.gguf --task nll --data data.jsonl --rows ", "base.json", "eval --rows"),
      ("eval -m base.gguf --task nll --data data.jsonl --rows ", "mine.jsonl", "eval --rows"),
      ("generate -m base.gguf -p a --logits ", "rows.jsonl", "generate --logits"),
      ("report run --overwrite --html ", "run/recipe.yaml", "scion report"),
      ("merge -m base.gguf --adapter run --overwrite -o ", "data.jsonl", "GGUF file"),
      ("merge -m base.gguf --adapter run -o other.gguf --json ", "base.json", "scion merge --json"),
      ("export -m base.gguf --adapter run --to gguf --overwrite -o ", "data.jsonl", "GGUF file"),
    ]
    let eval = "eval -m base.gguf --task nll --data data.jsonl --json base.json --rows rows.jsonl"
    #expect(try place.scion(eval).code == 0)
    let before = try contents(place)
    for (command, foreign, kind) in commands {
      for output in ["notes.md", foreign] {
        let outcome = try place.scion(command + output)
        #expect(outcome.code == 2, "\(command)\(output)")
        #expect(
          outcome.messages.contains("\(kind): choose another output")
            || outcome.messages.contains("is read and written"), "\(outcome.messages)")
      }
    }
    #expect(try contents(place) == before)
    #expect(try place.scion(eval).code == 0)
    #expect(try place.scion("merge -m base.gguf --adapter run --overwrite -o m.gguf").code == 0)
    #expect(try place.scion("merge -m base.gguf --adapter run --overwrite -o m.gguf").code == 0)
    for overwrite in ["", "--overwrite "] {
      #expect(try place.scion("report run \(overwrite)--html r.html").code == 0)
    }
    for _ in 0..<2 {
      #expect(try place.scion("generate -m base.gguf -p a --logits l.json").code == 0)
    }
  }

  @Test("With --overwrite the old results stay until the new ones are complete")
  func overwriteReplacesAtTheEnd() throws {
    let place = try Workplace()
    #expect(try place.scion("\(TrainingTests.train) --steps 2 --quiet").code == 0)
    try place.write("run/notes.txt", "mine")
    try place.write("run/README.md", "my words")
    let old = place.bytes("run/adapter.gguf")
    // Diverges, and has nothing to write.
    let broken = try place.scion(
      "\(TrainingTests.train) --steps 3 --lr 1e30 --warmup 0 --overwrite --quiet --init gaussian")
    #expect(broken.code == 1)
    #expect(place.bytes("run/adapter.gguf") == old)
    let outcome = try place.scion("\(TrainingTests.train) --steps 4 --overwrite")
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(place.bytes("run/adapter.gguf") != old)
    #expect(
      outcome.messages.contains(
        "run/README.md was changed since the run wrote it: it is kept as run/README.md.kept"))
    #expect(place.text("run/README.md.kept") == "my words" && place.text("run/notes.txt") == "mine")
    #expect(!place.exists("run/replacement"))
  }

  @Test("An output that is read is refused, however it is spelled")
  func outputsAreNotInputs() throws {
    let place = try Workplace()
    #expect(try place.scion("\(TrainingTests.train) --steps 0 --quiet").code == 0)
    let file = FileManager.default
    try file.linkItem(atPath: "\(place.path)/data.jsonl", toPath: "\(place.path)/hard.jsonl")
    try file.createSymbolicLink(
      atPath: "\(place.path)/soft.jsonl", withDestinationPath: "data.jsonl")
    try file.createSymbolicLink(atPath: "\(place.path)/soft.gguf", withDestinationPath: "base.gguf")
    let before = try contents(place)
    func refuses(_ arguments: String, _ output: String) throws {
      try check(place, arguments, 2, "\(output) is read and written: choose another output")
    }
    let eval = "eval -m base.gguf --task nll --data data.jsonl"
    for output in ["data.jsonl", "./data.jsonl", "hard.jsonl", "soft.jsonl", "run/../data.jsonl"] {
      try refuses("\(eval) --rows \(output)", output)
      try refuses("\(eval) --json \(output)", output)
    }
    try refuses("\(eval) --json soft.gguf", "soft.gguf")
    try refuses("\(eval) --adapter run --json run/adapter.gguf", "run/adapter.gguf")
    try check(
      place, "\(eval) --json a.json --rows ./a.json", 2,
      "a.json would be written twice: give two outputs")
    try refuses("generate -m base.gguf -p a --logits soft.gguf", "soft.gguf")
    try refuses(
      "generate -m base.gguf --adapter run -p a --logits run/adapter.gguf", "run/adapter.gguf")
    try refuses("merge -m base.gguf --adapter run -o soft.gguf --overwrite", "soft.gguf")
    try refuses("import run -m base.gguf -o run/adapter.gguf --overwrite", "run/adapter.gguf")
    #expect(try contents(place) == before)
  }

  @Test("No folder but an empty one or an adapter's becomes a PEFT folder")
  func exportToFolders() throws {
    let place = try Workplace()
    #expect(try place.scion("\(TrainingTests.train) --steps 0 --quiet").code == 0)
    try FileManager.default.createDirectory(
      atPath: "\(place.path)/mine", withIntermediateDirectories: false)
    try place.write("mine/README.md", "mine")
    let export = "export -m base.gguf --adapter run --to peft -o"
    for flag in ["", " --overwrite"] {
      try check(
        place, "\(export) mine\(flag)", 2,
        "mine holds README.md and no adapter: choose a new or an empty folder")
    }
    #expect(try place.names("mine") == ["README.md"])
    #expect(try place.scion("\(export) new").code == 0)
    try place.write("new/notes.txt", "mine")
    try check(
      place, "\(export) new", 2, "new holds an adapter: choose another output, or pass --overwrite")
    #expect(try place.scion("\(export) new --overwrite").code == 0)
    #expect(place.text("new/notes.txt") == "mine")
    try check(
      place, "export -m base.gguf --adapter run/peft --to peft -o run/peft --overwrite", 2,
      "run/peft is read and written: choose another output")
  }
}
