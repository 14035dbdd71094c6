import ModelFiles
import TestSupport
import Testing
import Transformer

@testable import FineTuning

/// Which projections `targets` names in a model.
struct TargetsTests {
  private func projections(_ targets: String, _ model: String) throws -> [Projection] {
    var recipe = FineTuneRecipe()
    recipe.targets = targets
    try recipe.validate()
    return try recipe.projections(
      of: ModelConfiguration(GGUFFile(path: TinyFiles.path("\(model).gguf"))))
  }

  @Test func namesOfSeparateTensors() throws {
    let all: [Projection] = [.query, .key, .value, .output, .gate, .up, .down]
    #expect(try projections("all", "qwen2") == all)
    #expect(try projections("down,up,gate,o,v,k,q", "qwen2") == all)
    #expect(try projections("q_proj, attn_v", "qwen2") == [.query, .value])
    #expect(try projections("ffn_up", "qwen2") == [.up])
  }

  @Test func namesOfFusedTensors() throws {
    let all: [Projection] = [.queryKeyValue, .output, .gateUp, .down]
    #expect(try projections("all", "phi3") == all)
    // The seven names that people know are the four tensors of such a model.
    #expect(try projections("q,k,v,o,gate,up,down", "phi3") == all)
    #expect(try projections("qkv_proj,gate_up_proj", "phi3") == [.queryKeyValue, .gateUp])
    #expect(try projections("attn_qkv", "phi3") == [.queryKeyValue])
    // Two forms of a tensor have this name.
    #expect(try projections("ffn_up", "phi3") == [.gateUp])
  }

  @Test(
    "A name that the model does not have is refused, with those that it has",
    arguments: [
      ("qkv", "qwen2", "qkv"), ("q,gate_up", "qwen2", "gate_up"), ("q,v", "phi3", "q"),
      ("qkv,gate", "phi3", "gate"),
    ])
  func refusesMissingNames(targets: String, model: String, name: String) throws {
    let available =
      model == "phi3"
      ? ["qkv", "o", "gate_up", "down"] : ["q", "k", "v", "o", "gate", "up", "down"]
    #expect(throws: RecipeError.noSuchTarget(name: name, available: available)) {
      try projections(targets, model)
    }
  }
}
