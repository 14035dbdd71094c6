import Foundation
import Testing

/// Data as `train`, `eval` and the doctor take them on the command line.
@Suite struct DataCommandTests {
  @Test("The doctor shows files, lengths and examples, and ends with 0 on good data")
  func goodData() throws {
    let outcome = try Workplace().scion("data data.jsonl -m base.gguf")
    #expect(outcome.code == 0, "\(outcome.messages)")
    for part in ["data.jsonl: 24 records, prompt/completion", "█", "learned", "record 3, line 3"] {
      #expect(outcome.output.contains(part), "\(part)")
    }
  }

  @Test("The doctor prints one JSON document, and counts what the roles that are learned have")
  func document() throws {
    let place = try Workplace()
    try place.write(
      "chat.jsonl",
      #"{"messages":[{"role":"user","content":"ask"},{"role":"assistant","content":"b"}]}"# + "\n"
        + "{oops}\n")
    func document(_ flags: String) throws -> [String: Any] {
      let outcome = try place.scion("data chat.jsonl -m base.gguf --json \(flags)")
      #expect(outcome.code == 3, "\(outcome.messages)")
      return try Workplace.object(outcome.output)
    }
    let plain = try document("")
    #expect(plain["would_fail"] as? Bool == true)
    let file = try #require((plain["files"] as? [[String: Any]])?.first)
    #expect(file["format"] as? String == "messages" && file["records"] as? Int == 1)
    let bad = try #require((file["bad"] as? [[String: Any]])?.first)
    #expect(bad["line"] as? Int == 2 && bad["column"] as? Int == 2)
    let tokens = try #require(plain["tokens"] as? [String: Any])
    #expect(tokens["sequences"] as? Int == 1 && tokens["cut_records"] as? Int == 0)
    let learned = try #require(tokens["learned"] as? Int)
    let both = try document("--train-on assistant,user")["tokens"] as? [String: Any]
    let all = try document("--train-on-prompt")["tokens"] as? [String: Any]
    #expect(both?["learned"] as? Int ?? 0 > learned)
    #expect(all?["learned"] as? Int == (tokens["total"] as? Int).map { $0 - 1 })
    let wrong = try place.scion("data chat.jsonl --train-on ,")
    #expect(wrong.code == 2 && wrong.messages.contains("train_on"))
  }

  @Test("eval measures several files, each and all, a folder's test part, and says what it drops")
  func severalFiles() throws {
    let place = try Workplace()
    try place.write("more.jsonl", #"{"prompt":"a","completion":"something else"}"# + "\n")
    func evaluate(_ flags: String) throws -> [String: Any] {
      let outcome = try place.scion("eval -m base.gguf --quiet --json r.json \(flags)")
      #expect(outcome.code == 0, "\(outcome.messages)")
      return try place.json("r.json")
    }
    let one = try evaluate("--task nll --data data.jsonl")
    let other = try evaluate("--task nll --data more.jsonl")
    let both = try evaluate("--task nll --data data.jsonl --data more.jsonl")
    #expect(one["files"] == nil && both["examples"] as? Int == 25)
    let files = try #require(both["files"] as? [[String: Any]])
    #expect(files.map { $0["path"] as? String } == ["data.jsonl", "more.jsonl"])
    for (part, alone) in zip(files, [one, other]) {
      let (left, right) = (part["nll_per_token"] as? Double, alone["nll_per_token"] as? Double)
      #expect(abs((left ?? 0) - (right ?? 1)) < 1e-6)
      #expect(part["tokens"] as? Int == alone["tokens"] as? Int)
    }
    let limited = try place.scion(
      "eval -m base.gguf --task nll --data data.jsonl --data more.jsonl --limit 5")
    #expect(limited.messages.contains("more.jsonl is not read: --limit 5 is reached before it"))
    let weighted = try place.scion("eval -m base.gguf --task nll --data data.jsonl:0.5")
    #expect(weighted.code == 2 && weighted.messages.contains("leave the weight out"))

    try FileManager.default.createDirectory(
      atPath: "\(place.path)/set", withIntermediateDirectories: true)
    try place.write("set/train.jsonl", place.text("data.jsonl"))
    let none = try place.scion("eval -m base.gguf --task nll --data set")
    #expect(none.code == 2 && none.messages.contains("set has no test.jsonl and no valid.jsonl"))
    try place.write("set/test.jsonl", place.text("more.jsonl"))
    let folder = try place.scion("eval -m base.gguf --task nll --data set --json r.json")
    #expect(folder.messages.contains("set: set/test.jsonl is measured"), "\(folder.messages)")
    #expect(
      try place.json("r.json")["nll_per_token"] as? Double == other["nll_per_token"] as? Double)

    try place.write("text.txt", String(repeating: "abcdefgh", count: 9))
    let text = try place.scion("eval -m base.gguf --task perplexity --data text.txt --context 32")
    #expect(text.code == 0, "\(text.messages)")
    #expect(
      text.messages.contains("the last 8 tokens fill no window of 32 and are not scored"),
      "\(text.messages)")
  }

  @Test("The doctor lists bad records, says what to do and ends with 3; it needs no model")
  func badData() throws {
    let place = try Workplace()
    try place.write("bad.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\",}\n{\"text\":NaN}\n")
    let outcome = try place.scion("data bad.jsonl")
    #expect(outcome.code == 3)
    #expect(outcome.output.contains("bad.jsonl:2:12: a comma before }"))
    #expect(outcome.output.contains("bad.jsonl:3:9: NaN and Infinity are no JSON"))
    #expect(outcome.output.contains("! bad.jsonl has 2 bad records"))
    #expect(outcome.messages.contains("train would fail on these data"))
  }

  @Test("Several --data mean all of them, with their weights, and are in the recipe")
  func severalData() throws {
    let place = try Workplace()
    try place.write("more.jsonl", #"{"text":"a b"}"# + "\n" + #"{"text":"c d"}"# + "\n")
    let outcome = try place.scion(
      "train -m base.gguf --data data.jsonl:0.5 --data more.jsonl:2 -o run --steps 0 --val-split 0")
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(outcome.messages.contains("data      16 sequences"), "\(outcome.messages)")
    let recipe = place.text("run/recipe.yaml")
    #expect(recipe.contains("/data.jsonl:0.5") && recipe.contains("/more.jsonl:2"))
    try place.write("more.jsonl", #"{"text":"changed"}"#)
    let again = try place.scion("plan --recipe run/recipe.yaml")
    #expect(again.code == 0, "\(again.messages)")
    #expect(again.messages.contains("more.jsonl has changed since the recipe was written"))
  }

  @Test("Records under another name are read as records, and said to be")
  func otherName() throws {
    let place = try Workplace()
    try place.write("notes.txt", place.text("data.jsonl"))
    let outcome = try place.scion("plan -m base.gguf --data notes.txt")
    #expect(outcome.code == 0)
    #expect(outcome.messages.contains("notes.txt holds JSON records, whatever its name says"))
  }

  @Test("eval says what it leaves out, and refuses more shots than there are")
  func evaluation() throws {
    let place = try Workplace()
    try place.write("bad.jsonl", #"{"prompt":"a","completion":"b"}"# + "\n{oops}\n")
    let outcome = try place.scion(
      "eval -m base.gguf --task exact --data bad.jsonl --skip-bad --max-tokens 1")
    #expect(outcome.code == 0 && outcome.messages.contains("skipped 1 bad record: "))
    #expect(!outcome.messages.contains("--skip-bad"))
    let shots = try place.scion(
      "eval -m base.gguf --task exact --data data.jsonl --shots 30 --shots-data data.jsonl")
    #expect(shots.code == 2 && shots.messages.contains("--shots 30 asks for more"))
  }

  @Test("A sequence length beyond the model's context is said where it matters")
  func beyondContext() throws {
    let place = try Workplace()
    let long = String(repeating: "word ", count: 60)
    try place.write("long.jsonl", #"{"prompt":"a","completion":"\#(long)"}"#)
    let outcome = try place.scion(
      "plan -m base.gguf --data long.jsonl --seq-len 4096 --val-split 0")
    #expect(outcome.code == 0, "\(outcome.messages)")
    let notice = "the model's context is 128 tokens: sequences end there, not at --seq-len 4096"
    #expect(outcome.messages.contains(notice))
    // A text that is cut into pieces loses nothing, but its pieces are not as long as asked.
    try place.write("long.txt", long)
    for command in ["plan --val-split 0", "eval --task nll"] {
      let pieces = try place.scion("\(command) -m base.gguf --data long.txt --seq-len 4096")
      #expect(pieces.code == 0 && pieces.messages.contains(notice), "\(pieces.messages)")
    }
    let short = try place.scion("plan -m base.gguf --data data.jsonl --seq-len 4096")
    #expect(!short.messages.contains("context"))
  }
}
