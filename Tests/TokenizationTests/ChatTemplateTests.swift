import ModelFiles
import Testing

@testable import Tokenization

struct ChatTemplateTests {
  private let conversation = Conversation([
    ChatMessage(.user, "hello"), ChatMessage(.assistant, "hello you"),
    ChatMessage(.user, "12"), ChatMessage(.assistant, "ok"),
  ])

  private func metadata(_ templates: [String: String] = [:]) -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata.set("tokenizer.ggml.tokens", .array(.string(["<b>", "</s>", "a"])))
    metadata.set("tokenizer.ggml.bos_token_id", .uint32(0))
    metadata.set("tokenizer.ggml.eos_token_id", .uint32(1))
    for (name, source) in templates { metadata.set("tokenizer.\(name)", .string(source)) }
    return metadata
  }

  @Test func theModelsOwnTemplateSeesItsTokens() throws {
    let source =
      "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{{ eos_token }}"
    let template = try #require(try ChatTemplate.own(metadata(["chat_template": source])))
    #expect(
      try template.text(conversation)
        == "<b>[user]hello[assistant]hello you[user]12[assistant]ok</s>")
    #expect(try ChatTemplate.own(metadata()) == nil)
  }

  @Test func aByteOrderMarkIsNoText() throws {
    #expect(
      try ChatTemplate(name: "t", source: "\u{FEFF}a\u{FEFF}").text(conversation) == "a\u{FEFF}")
  }

  @Test func whatATemplateRaisesStaysOnOneLineAndSteersNoTerminal() throws {
    let template = try ChatTemplate(
      name: "t", source: "{{ raise_exception('no\nway \u{1B}[31m') }}")
    let error = try #require(throws: TokenizationError.self) { try template.text(conversation) }
    #expect(
      error.description
        == "the chat template t refuses the conversation: no\\u{a}way \\u{1b}[31m")
  }

  @Test func aModelWithoutATokenHasNoSuchVariable() throws {
    var template = try ChatTemplate(
      name: "t", source: "{{ bos_token is defined }}{{ eos_token is defined }}")
    #expect(try template.text(conversation) == "FalseFalse")
    template.end = "</s>"
    #expect(try template.text(conversation) == "FalseTrue")
  }

  @Test func conversationsWithToolsTakeTheTemplateForTools() throws {
    let template = try #require(
      try ChatTemplate.own(
        metadata([
          "chat_template": "plain", "chat_template.tool_use": "{{ tools | length }} tools",
        ])))
    var asked = conversation
    #expect(try template.text(asked) == "plain")
    asked.tools = .array([])
    #expect(try template.text(asked) == "plain")
    asked.tools = .array([["name": "f"]])
    #expect(try template.text(asked) == "1 tools")
  }

  @Test func namedTemplatesOfAFileWithoutAPlainOne() throws {
    var file = metadata(["chat_template.default": "d", "chat_template.rag": "r"])
    file.set("tokenizer.chat_templates", .array(.string(["rag", "default"])))
    #expect(try ChatTemplate.own(file)?.text(conversation) == "d")
  }

  @Test func optionsAreVariablesAndToolsAreNoneWithoutAny() throws {
    let source = "{{ enable_thinking }} {{ tools is none }} {{ documents is none }} {{ x.y[0] }}"
    let template = try ChatTemplate(name: "t", source: source)
    var asked = conversation
    asked.options = ["enable_thinking": .bool(false), "x": ["y": .array([.integer(3)])]]
    #expect(try template.text(asked) == "False True True 3")
  }

  @Test func reasoningHasTheNamesThatTemplatesKnow() throws {
    let template = try ChatTemplate(
      name: "t",
      source:
        "{% for m in messages %}{{ m.keys() | list }} {{ m.thinking }} {{ m.reasoning_content }}"
        + "{% endfor %}")
    for key in ["reasoning", "thinking", "reasoning_content"] {
      let message = try ChatMessage(
        ["role": "assistant", key: "why"], place: "m")
      let text = try template.text(Conversation([message]))
      #expect(text.hasSuffix(" why why"), "\(text)")
      #expect(text.contains("'thinking'") && text.contains("'reasoning_content'"))
    }
  }

  @Test func theClockStandsWhereItIsTold() throws {
    var template = try ChatTemplate(name: "t", source: "{{ strftime_now('%Y-%m-%d %H:%M:%S') }}")
    template.clock = TemplateClock("2026-07-04T09:05:03")
    #expect(template.readsClock)
    #expect(try template.text(conversation) == "2026-07-04 09:05:03")
  }

  @Test func errorsNameTheTemplateAndKeepItsWords() throws {
    let raising = try ChatTemplate(name: "mine.jinja", source: "{{ raise_exception('No Way') }}")
    #expect(throws: TokenizationError.templateRaised(name: "mine.jinja", message: "No Way")) {
      try raising.text(conversation)
    }
    #expect {
      try ChatTemplate(name: "auto", source: "{% if %}")
    } throws: { error in
      "\(error)".hasPrefix("the model's chat template cannot be read (line 1")
    }
    #expect {
      try ChatTemplate(name: "t", source: "{{ 'a' + 1 }}").text(conversation)
    } throws: { error in
      guard case .templateFailed(name: "t", _)? = error as? TokenizationError else { return false }
      return "\(error)".hasPrefix("the chat template t fails on the conversation: ")
    }
    #expect(throws: TokenizationError.unknownTemplate("lama3")) { try ChatTemplate.named("lama3") }
  }
}
