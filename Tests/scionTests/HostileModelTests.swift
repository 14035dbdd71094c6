import ModelFiles
import TestSupport
import Testing

/// Models whose metadata or tensors lie about the architecture (each lie of each architecture: `ArchitectureHostileTests`).
@Suite struct HostileModelTests {
  struct Lie: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let sentence: String
    let tell: @Sendable (inout EditableModel, String) -> Void
  }

  static let lies = [
    Lie(
      testDescription: "sixteen million blocks",
      sentence: "the model file has $.block_count = 16777216, but the file has only # tensors"
    ) { $0.metadata.set("\($1).block_count", .uint32(1 << 24)) },
    Lie(
      testDescription: "no heads",
      sentence: "the model file has $.attention.head_count = 0, but a positive whole number up to "
        + "16777216 is expected"
    ) { $0.metadata.set("\($1).attention.head_count", .uint32(0)) },
    Lie(
      testDescription: "a setting of another kind of model",
      sentence: "the model file has $.ssm.conv_kernel = 4, which Scion does not know and would "
        + "compute wrongly without: use a model without it"
    ) { $0.metadata.set("\($1).ssm.conv_kernel", .uint32(4)) },
    Lie(
      testDescription: "a tensor of another kind of model",
      sentence: "the model file has a tensor blk.0.attn_sinks.weight, which Scion does not use in "
        + "architecture \"$\" and would compute wrongly without: use a model without it"
    ) { model, _ in
      model["blk.0.attn_sinks.weight"] = EditableModel.Tensor("blk.0.attn_sinks.weight", [4])
    },
    Lie(
      testDescription: "an output norm of another width",
      sentence: "tensor output_norm.weight has shape [32] where [64] is expected: the file is "
        + "damaged"
    ) { model, _ in
      model["output_norm.weight"] = EditableModel.Tensor("output_norm.weight", [32])
    },
  ]

  /// Each lie is told by a model of another architecture.
  @Test(arguments: zip(lies, TinyModels.ofEachArchitecture))
  func trainAndPlanSayWhatIsWrong(lie: Lie, tiny: TinyModel) throws {
    let place = try Workplace()
    let file = try tiny.file()
    var model = EditableModel(file)
    lie.tell(&model, tiny.numbers.architecture)
    try model.write("\(place.path)/bad.gguf")
    let sentence = lie.sentence.replacing("$", with: tiny.numbers.architecture)
      .replacing("#", with: "\(file.tensors.count)")
    for command in ["plan", "train"] {
      let output = command == "plan" ? "" : " -o run"
      let outcome = try place.scion("\(command) -m bad.gguf --data data.jsonl\(output)")
      #expect(outcome.messages == "scion: bad.gguf: \(sentence)\n")
      #expect(outcome.code == 3)
      #expect(outcome.output.isEmpty)
    }
    #expect(!place.exists("run"))
    // What is in such a file can be looked at.
    let outcome = try place.scion("inspect bad.gguf")
    #expect(outcome.code == 0 && outcome.messages.isEmpty)
    #expect(outcome.output.contains(tiny.numbers.architecture))
  }

  @Test("Names in a file cannot break lines or steer a terminal")
  func namesAreShownAsEscapes() throws {
    let place = try Workplace()
    var model = EditableModel(try #require(TinyModels.all.first).file())
    model.metadata.set("general.name", .string("tiny\n\u{1B}[2Jmodel"))
    model.metadata.set("a\u{1B}[2Jb", .uint32(1))
    model["c\nd"] = EditableModel.Tensor("c\nd", [1])
    try model.write("\(place.path)/bad.gguf")
    let seen = try place.scion("inspect bad.gguf --tensors")
    #expect(seen.code == 0)
    for text in ["tiny\\u{a}\\u{1b}[2Jmodel", "a\\u{1b}[2Jb", "c\\u{a}d"] {
      #expect(seen.output.contains(text), "\(text)")
    }
    let refused = try place.scion("plan -m bad.gguf --data data.jsonl")
    #expect(refused.code == 3 && refused.messages.contains("tensor c\\u{a}d"))
    for text in [seen.output, refused.messages] { #expect(!text.contains("\u{1B}")) }
    #expect(refused.messages.filter { $0 == "\n" }.count == 1)
  }
}
