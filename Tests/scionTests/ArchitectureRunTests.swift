import Foundation
import TestSupport
import Testing

/// Training, merging and generating with the built executable, on a tiny model of every architecture.
@Suite struct ArchitectureRunTests {
  /// A folder with records of tokens.
  private func place() throws -> Workplace {
    let place = try Workplace()
    let rows = (0..<8).map { row in
      "{\"input_ids\":[\((0..<20).map { "\(5 + (row + 7 * $0) % 250)" }.joined(separator: ","))]}\n"
    }
    try place.write("ids.jsonl", rows.joined())
    return place
  }

  @Test(
    "Every architecture is trained, merged and generated from", arguments: TinyFiles.names)
  func trainsMergesAndGenerates(name: String) throws {
    let place = try place()
    let base = try TinyFiles.path("\(name)-q8_0.gguf")
    let train = try place.scion(
      "train -m \(base) --data ids.jsonl -o run --init lora-one --rank 2 --steps 3 --batch 4 --quiet"
    )
    #expect(train.code == 0, "\(train.messages)")
    #expect(place.exists("run/adapter.gguf"))
    #expect(
      try place.names("run/peft") == ["adapter_config.json", "adapter_model.safetensors"])
    let merge = try place.scion("merge -m \(base) --adapter run -o merged.gguf --quiet")
    #expect(merge.code == 0, "\(merge.messages)")
    let flags = "--ids 5,6,7,8 --max-tokens 4 --quiet"
    for model in ["\(base) --adapter run", "\(base) --adapter run/peft", "merged.gguf"] {
      let outcome = try place.scion("generate -m \(model) \(flags)")
      #expect(outcome.code == 0 && outcome.output.hasSuffix("\n"), "\(outcome.messages)")
    }
  }

  @Test(
    "A target that the model does not have is bad usage, and the message names those that it has",
    arguments: [("phi3", "q,v", "qkv, o, gate_up, down"), ("qwen2", "qkv", "q, k, v, o, gate, up")])
  func refusesMissingTargets(model: String, targets: String, available: String) throws {
    let place = try place()
    let path = try TinyFiles.path("\(model).gguf")
    let outcome = try place.scion(
      "train -m \(path) --data ids.jsonl -o run --targets \(targets) --steps 1 --quiet")
    #expect(outcome.code == 2 && outcome.messages.contains("take some of \(available)"))
    #expect(!place.exists("run/adapter.gguf"))
  }
}
