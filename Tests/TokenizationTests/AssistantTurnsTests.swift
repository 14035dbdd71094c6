import Testing

@testable import Tokenization

/// What is learned of a conversation, template by template of our own that do what known ones do.
struct AssistantTurnsTests {
  private func learned(
    _ source: String, _ conversation: Conversation
  ) throws -> (texts: [String], isRewritten: Bool) {
    let template = try ChatTemplate(name: "test", source: source)
    let encoder = ConversationEncoder(template, try Tokenizer(TestTokenizers.bytePairs()))
    let encoded = try encoder.encode(conversation)
    let bytes = Array(encoded.text.utf8)
    return (
      encoded.learned.map { String(decoding: bytes[$0], as: UTF8.self) }, encoded.isRewritten
    )
  }

  private let turns = [
    ChatMessage(.system, "S"), ChatMessage(.user, "q"), ChatMessage(.assistant, "a"),
    ChatMessage(.user, "r"), ChatMessage(.assistant, "b"),
  ]

  private static let head = "{% for m in messages %}<|im_start|>{{ m.role }}\n"

  /// As Llama 3 and Gemma do.
  @Test func aTemplateThatTrimsKeepsItsTurns() throws {
    let source =
      Self.head + "{{ m.content | trim }}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    let result = try learned(
      source, Conversation([ChatMessage(.user, "q"), ChatMessage(.assistant, "  a \n")]))
    #expect(result.texts == ["a<|im_end|>"] && !result.isRewritten)
  }

  /// As Phi 3.5 does: more follows the end of the turn.
  @Test func whatFollowsTheEndIsNotLearnt() throws {
    let source =
      "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
      + "{{ '<|assistant|>\n' if add_generation_prompt else '<|endoftext|>' }}"
    #expect(try learned(source, Conversation(turns)).texts == ["a<|end|>", "b<|end|>"])
  }

  /// As Qwen 3 does: reasoning of earlier turns is left out.
  @Test func ofRewrittenTurnsOnlyTheLastIsLearnt() throws {
    let source =
      Self.head
      + "{% if m.role == 'assistant' and loop.last %}<think>\n{{ m.thinking }}\n</think>\n{% endif %}"
      + "{{ m.content }}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    let whole = try learned(source, Conversation(turns))
    #expect(whole.texts == ["<think>\n\n</think>\nb<|im_end|>"] && whole.isRewritten)
    // The last answer stands as history: all that there is of it.
    let asked = try learned(source, Conversation(turns + [ChatMessage(.user, "s")]))
    #expect(asked.texts == ["b<|im_end|>"] && asked.isRewritten)
    // Earlier turns that nobody wants learned do no harm.
    var weighted = Conversation(turns)
    weighted.messages[2] = weighted.messages[2].trained(false)
    let last = try learned(source, weighted)
    #expect(last.texts == whole.texts && !last.isRewritten)
  }

  /// As Mistral Nemo does: the system's message stands in the last user's.
  @Test func whatLaterMessagesMoveIsFoundByItsOrigin() throws {
    let source =
      "{% for m in messages %}{% if m.role == 'user' %}[INST]"
      + "{% if m == (messages | selectattr('role', 'equalto', 'user') | list)[-1] %}"
      + "{{ messages[0].content }}\n\n{% endif %}{{ m.content }}[/INST]"
      + "{% elif m.role == 'assistant' %}{{ m.content }}</s>{% endif %}{% endfor %}"
    let result = try learned(source, Conversation(turns))
    #expect(result.texts == ["a</s>", "b</s>"] && !result.isRewritten)
  }

  /// As DeepSeek R1 does: the prompt opens what the turn does not have.
  @Test func aPromptThatIsNotHowTurnsBeginIsNoObstacle() throws {
    let source =
      Self.head + "{{ m.content }}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
    #expect(try learned(source, Conversation(turns)).texts == ["a<|im_end|>", "b<|im_end|>"])
  }

  @Test func theAuthorsOwnMarksCount() throws {
    let source =
      Self.head + "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>\n"
      + "{% endgeneration %}{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    #expect(try learned(source, Conversation(turns)).texts == ["a<|im_end|>\n", "b<|im_end|>\n"])
    var weighted = Conversation(turns)
    weighted.messages[2] = weighted.messages[2].trained(false)
    #expect(try learned(source, weighted).texts == ["b<|im_end|>\n"])
  }

  @Test func callsOfToolsAreLearntWithTheirMarkup() throws {
    let source =
      Self.head
      + "{{ m.content }}{% for call in m.tool_calls %}<call>{{ call.function | tojson }}</call>"
      + "{% endfor %}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    let call = try ChatMessage(
      JSONValue(
        parsing:
          #"{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]}"#),
      place: "m")
    let result = try learned(
      source, Conversation([ChatMessage(.user, "q"), call, ChatMessage(.tool, "42")]))
    #expect(
      result.texts == [#"<call>{"name": "f", "arguments": {"x": 1}}</call><|im_end|>"#])
  }

  /// As Gemma 4 does: an empty thought in the prompt, quotes that are markers in calls.
  @Test func aCallIsLearntWholeWhateverThePromptHoldsAndItsMarkersAre() throws {
    let source =
      Self.head + "{% for call in m.tool_calls %}<|call_begin|>{{ call.function.name }}<|\"|>"
      + "<call_end|>{% endfor %}{{ m.content }}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n<thought></thought>{% endif %}"
    let call = try ChatMessage(
      JSONValue(parsing: #"{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}"#),
      place: "m")
    let result = try learned(
      source, Conversation([ChatMessage(.user, "q"), call, ChatMessage(.tool, "42")]))
    #expect(result.texts == [#"<|call_begin|>f<|"|><call_end|><|im_end|>"#])
  }

  /// As GLM does, whose answers end with the mark of the next turn; the model's file says so.
  @Test func theMarkOfTheNextTurnEndsAnAnswerIfItEndsAGeneration() throws {
    var template = try ChatTemplate(
      name: "test", source: "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    template.end = "<user>"
    let encoder = ConversationEncoder(template, try Tokenizer(TestTokenizers.bytePairs()))
    let encoded = try encoder.encode(Conversation(turns))
    let bytes = Array(encoded.text.utf8)
    let texts = encoded.learned.map { String(decoding: bytes[$0], as: UTF8.self) }
    #expect(texts == ["<assistant>a<user>", "<assistant>b"])
  }

  @Test func turnsOfWeightZeroAreNotLearnt() throws {
    var conversation = Conversation(turns)
    conversation.messages[2] = conversation.messages[2].trained(false)
    let source =
      Self.head + "{{ m.content }}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    #expect(try learned(source, conversation).texts == ["b<|im_end|>"])
  }
}
