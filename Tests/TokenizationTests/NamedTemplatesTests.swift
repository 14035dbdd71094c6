import Testing

@testable import Tokenization

struct NamedTemplatesTests {
  private let conversation = Conversation([
    ChatMessage(.system, "S"), ChatMessage(.user, "u"), ChatMessage(.assistant, "a"),
    ChatMessage(.user, "v"),
  ])

  @Test(arguments: [
    (
      "chatml",
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n"
        + "a<|im_end|>\n<|im_start|>user\nv<|im_end|>\n<|im_start|>assistant\n"
    ),
    (
      "llama3",
      "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>"
        + "\n\nu<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"
        + "<|start_header_id|>user<|end_header_id|>\n\nv<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    ("mistral", "[INST] S\n\nu[/INST] a</s>[INST] v[/INST]"),
    (
      "gemma",
      "<start_of_turn>user\nS\n\nu<end_of_turn>\n<start_of_turn>model\na<end_of_turn>\n"
        + "<start_of_turn>user\nv<end_of_turn>\n<start_of_turn>model\n"
    ),
    (
      "phi3",
      "<|system|>\nS<|end|>\n<|user|>\nu<|end|>\n<|assistant|>\na<|end|>\n<|user|>\nv<|end|>\n<|assistant|>\n"
    ),
    (
      "zephyr",
      "<|system|>\nS</s>\n<|user|>\nu</s>\n<|assistant|>\na</s>\n<|user|>\nv</s>\n<|assistant|>\n"
    ),
    (
      "alpaca",
      "S\n\n### Instruction:\nu\n\n### Response:\na<end>\n\n### Instruction:\nv\n\n### Response:\n"
    ),
    ("none", "Sua<end>v"),
  ])
  func rendersAsItsFamilyDoes(name: String, text: String) throws {
    var template = try ChatTemplate.named(name)
    template.end = "<end>"
    #expect(try template.text(conversation, addGenerationPrompt: true) == text)
  }

  @Test func everyNameHasATemplateThatReadsPartsAndObjects() throws {
    let parts = try ChatMessage(
      ["role": "user", "content": .array([["type": "text", "text": "one"], "two"])], place: "m")
    let object = try ChatMessage(["role": "tool", "content": ["a": "b"]], place: "m")
    for name in NamedTemplates.names {
      let answer = try ChatTemplate.named(name).text(Conversation([object]))
      #expect(answer.contains(#"{"a": "b"}"#), "\(name): \(answer)")
      let text = try ChatTemplate.named(name).text(Conversation([parts]))
      #expect(text.contains("onetwo"), "\(name): \(text)")
    }
  }
}
