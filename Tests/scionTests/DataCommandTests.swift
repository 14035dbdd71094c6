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
    #expect(outcome.code == 0 && outcome.messages.contains("skipped 1 bad records"))
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
    #expect(outcome.messages.contains("the model's context is 128 tokens"))
  }
}
