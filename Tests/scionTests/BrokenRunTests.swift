import Foundation
import ModelFiles
import TestSupport
import Testing

/// A number that is none is never a result: the message says whose fault it is, and what was good stays.
@Suite struct BrokenRunTests {
  /// A place with a `broken.gguf`, in which a value of one tensor is not a number.
  private func place(_ tensor: String) throws -> Workplace {
    let place = try Workplace()
    try place.write("broken.gguf", Workplace.modelBytes)
    try spoil(place, tensor)
    return place
  }

  /// Makes the first scale (Q8_0) or value (F32) of a row of `broken.gguf` one that is not a number.
  private func spoil(_ place: Workplace, _ name: String, row: Int = 0, of rows: Int = 1) throws {
    let tensor = try #require(
      try GGUFFile(path: "\(place.path)/broken.gguf").tensors.first { $0.name == name })
    var bytes = try #require(place.bytes("broken.gguf"))
    let start = tensor.fileRange.lowerBound + tensor.fileRange.count / rows * row
    let pattern: [UInt8] = tensor.format == .f32 ? [0, 0, 0xC0, 0x7F] : [0, 0x7E]
    bytes.replaceSubrange(start..<start + pattern.count, with: pattern)
    try place.write("broken.gguf", bytes)
  }

  @Test(
    "A base with a value that is not a number is named as the fault, with its tensor",
    arguments: ["gaussian", "lora-one", "eva", "orthogonal"], [0.0, 0.2])
  func brokenBase(start: String, split: Double) throws {
    let place = try place("blk.1.ffn_up.weight")
    let outcome = try place.scion(
      "train -m broken.gguf --data data.jsonl -o run --steps 3 --init \(start) --val-split \(split) --quiet"
    )
    #expect(outcome.code == 3)
    #expect(
      outcome.messages.hasPrefix(
        "scion: the base model broken.gguf is broken: its tensor blk.1.ffn_up.weight holds values that are not "
          + "numbers"))
    #expect(outcome.messages.hasSuffix("; fetch or convert it again\n"))
    #expect(!outcome.messages.contains("--lr") && !place.exists("run/adapter.gguf"))
  }

  @Test("Where only some rows meet the broken value, those are named")
  func brokenRows() throws {
    // The embedding of one letter, which a single record has.
    let place = try Workplace()
    let file = try GGUFFile(path: "\(place.path)/base.gguf")
    var model = EditableModel(file)
    let values = try file.values("token_embd.weight")
    // Three special tokens come before the bytes. A tied head would spoil every row: the output becomes a tensor of its own.
    model["output.weight"] = EditableModel.Tensor(
      "output.weight", [values.count / 260, 260], values: values)
    try model.write("\(place.path)/broken.gguf")
    try spoil(place, "token_embd.weight", row: Int(UInt8(ascii: "#")) + 3, of: 260)
    let lines = (0..<8).map {
      #"{"prompt":"say \#($0)\#($0 == 4 ? "#" : "")","completion":"word"}"#
    }
    try place.write("data.jsonl", lines.joined(separator: "\n") + "\n")
    let outcome = try place.scion(
      "train -m broken.gguf --data data.jsonl -o run --batch 8 --steps 1 --val-split 0 --quiet")
    #expect(outcome.code == 3)
    #expect(
      outcome.messages.contains("(seen at step 1, on line 5 of data.jsonl)"), "\(outcome.messages)")
  }

  @Test("eval and generate of a broken base say so in one sentence, with 3, and write nothing")
  func brokenEvaluation() throws {
    let place = try place("output_norm.weight")
    try place.write("text.txt", String(repeating: "abcdefgh", count: 16))
    for task in ["nll --data data.jsonl", "perplexity --context 64 --data text.txt"] {
      let outcome = try place.scion(
        "eval -m broken.gguf --task \(task) --json r.json --rows r.jsonl --quiet")
      #expect(outcome.code == 3 && outcome.output.isEmpty)
      #expect(
        outcome.messages
          == "scion: the base model computes no number on example 1: its file is broken; fetch or convert it "
          + "again\n")
    }
    let exact = try place.scion("eval -m broken.gguf --task exact --data data.jsonl --quiet")
    #expect(exact.code == 3 && exact.messages.contains("is not finite"))
    #expect(try place.scion("generate -m broken.gguf -p a --quiet").code == 3)
    #expect(try place.scion("\(TrainingTests.train) --steps 0 --quiet").code == 0)
    // Copied as it is, merged, and converted.
    for options in ["--adapter run ", "--adapter run --type q4_0 "] {
      let merged = try place.scion("merge -m broken.gguf \(options)-o merged.gguf --quiet")
      #expect(merged.code == 3 && !place.exists("merged.gguf"), "\(options)\(merged.messages)")
      #expect(merged.messages.contains("broken.gguf is broken: its tensor output_norm.weight"))
    }
    #expect(!place.exists("r.json") && !place.exists("r.jsonl"))
  }

  @Test(
    "Adapters that diverge end the run with 1, the step and the remedy, and the best before stay")
  func divergedRun() throws {
    let place = try Workplace()
    let train =
      "\(TrainingTests.train) --init gaussian --warmup 0 --schedule constant --val-split 0.2"
    let outcome = try place.scion("\(train) --steps 40 --lr 1e18 --eval-every 1 --quiet")
    #expect(outcome.code == 1)
    #expect(outcome.messages.hasPrefix("scion: "))
    #expect(outcome.messages.contains("lower --lr, or raise --warmup"), "\(outcome.messages)")
    for line in place.text("run/metrics.jsonl").split(separator: "\n") {
      let row = try Workplace.object(String(line))
      #expect(row["loss"] is Double || row["validation_loss"] is Double)
    }
    if place.exists("run/adapter.gguf") {
      #expect(outcome.messages.contains("the best adapters, of step "))
      #expect(
        try place.scion("eval -m base.gguf --adapter run --task nll --data data.jsonl").code == 0)
    }
  }

  @Test("A run whose last update spoils the weights writes none of them")
  func spoiledWeights() throws {
    let place = try Workplace()
    let outcome = try place.scion(
      "\(TrainingTests.train) --init gaussian --warmup 0 --steps 1 --lr 3e38 --lora-plus 16 --val-split 0 --quiet"
    )
    #expect(outcome.code == 1)
    #expect(
      outcome.messages
        == "scion: weights of the adapters are not numbers after step 1: lower --lr, or raise --warmup\n"
    )
    #expect(!place.exists("run/adapter.gguf") && !place.exists("run/peft"))
  }
}
