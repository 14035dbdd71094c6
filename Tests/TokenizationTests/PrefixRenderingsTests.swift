import Testing

@testable import Tokenization

/// Prefixes that come along with the whole must be what a rendering of their own gives, byte by byte and origin by origin.
struct PrefixRenderingsTests {
  private static let line = "{{ '<' + message['role'] + '>' + message['content'] }}"

  /// Templates whose prefixes come along, and how they write.
  private static let incremental = [
    "{% for message in messages %}\(line){% endfor %}{% if add_generation_prompt %}<a>{% endif %}",
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}S{% endif %}\(line)"
      + "{{ loop.index }}{% if loop.index > 1 %}{{ loop.previtem.role }}{% endif %}{% else %}none{% endfor %}end",
    "{% if tools %}T{% else %}{% if 1 %}{% for message in messages %}\(line){% endfor %}x{% endif %}y{% endif %}z",
    "{% set ns = namespace(n=0, last='') %}{% for message in messages %}{% set ns.n = ns.n + 1 %}"
      + "{% set ns.last = message.content %}\(line){% endfor %}{{ ns.n }}{{ ns.last }}{% set ns.n = 99 %}",
    "{% macro show(message) %}\(line){% endmacro %}{% set said = [] %}"
      + "{% for message in messages %}{{ show(message) }}{% endfor %}{{ said|length }}",
    // Behind the loop the list may be looked at in any way.
    "{% for message in messages %}\(line){% endfor %}{{ messages|length }}{{ messages[-1].content }}"
      + "{% for message in messages %}{{ loop.last }}{{ loop.length }}{{ message.role }}{% endfor %}"
      + "{{ messages[1:]|map(attribute='content')|join }}",
    "{% for message in messages %}\(line){% endfor %}"
      + "{% if messages[-1].role == 'assistant' and add_generation_prompt %}{{ raise_exception('no') }}{% endif %}",
    "{% set all = messages %}{% for message in all %}{% if all[5] is defined and loop.index0 > 5 %}more{% endif %}"
      + "\(line){% endfor %}",
  ]

  /// Templates that look ahead, or whose state cannot be put back.
  private static let others = [
    "{% for message in messages %}\(line){% if not loop.last %}\n{% endif %}{% endfor %}",
    "{% for message in messages %}\(line){{ loop.nextitem is defined }}{% endfor %}",
    "{% for message in messages %}\(line){{ loop.revindex }}{{ loop.length }}{% endfor %}",
    "{% for message in messages %}\(line){% if messages[loop.index0 + 1] is defined %}+{% endif %}{% endfor %}",
    "{% for message in messages %}\(line){{ messages[-1].role }}{% endfor %}",
    "{{ messages|length }}{% for message in messages %}\(line){% endfor %}",
    "{% set rest = messages[1:] %}{{ messages[0].content }}{% for message in rest %}\(line){% endfor %}",
    "{% for message in messages|reverse %}\(line){% endfor %}",
    "{% for message in messages if message.role != 'system' %}\(line){% endfor %}",
    "{% for a in messages %}{{ a.role[0] }}{% endfor %}{% for message in messages %}\(line){% endfor %}",
    "{% set c = cycler('a', 'b') %}{% for message in messages %}{{ c.next() }}\(line){% endfor %}{{ c.next() }}",
    "{% set j = joiner('|') %}{% for message in messages %}\(line){% endfor %}{{ j() }}{{ j() }}",
    "{% set roles = messages|map(attribute='role') %}{% for message in messages %}\(line){% endfor %}{{ roles|join }}",
    "{% set ns = namespace(l=none) %}{% for message in messages %}{% set ns.l = loop %}\(line){% endfor %}",
    "{% for message in messages %}{% if loop.index > 4 %}{% break %}{% endif %}\(line){% endfor %}",
    "{% for message in messages %}{% if message in messages[:3] %}!{% endif %}\(line){% endfor %}",
    "{{ messages }}{% for message in messages %}\(line){% endfor %}",
    "{% macro all() %}{% for message in messages %}\(line){% endfor %}{% endmacro %}{{ all() }}",
    "{% if messages == [] %}empty{% endif %}{% for message in messages %}\(line){% endfor %}",
    "{% for message in messages recursive %}\(line){% endfor %}",
  ]

  private static let conversations: [Conversation] = {
    func turns(_ count: Int, from first: Int) -> [ChatMessage] {
      (first..<first + count).map { ChatMessage($0 % 2 == 0 ? .user : .assistant, "says \($0).") }
    }
    let system = ChatMessage(role: "system", content: "Be brief.")
    let calls: JSONValue = [
      "role": "assistant", "content": "",
      "tool_calls": .array([
        ["type": "function", "function": ["name": "f", "arguments": ["x": "1"]]]
      ]),
    ]
    let thought: JSONValue = ["role": "assistant", "content": "b", "reasoning_content": "hm"]
    func message(_ value: JSONValue) -> [ChatMessage] {
      (try? ChatMessage(value, place: "m")).map { [$0] } ?? []
    }
    return [
      Conversation(turns(8, from: 0)), Conversation([system] + turns(6, from: 0)),
      Conversation(turns(5, from: 1)), Conversation(turns(7, from: 0)),
      Conversation(
        [system] + turns(1, from: 0) + message(calls) + [ChatMessage(role: "tool", content: "7")]
          + turns(5, from: 1)),
      Conversation(turns(1, from: 0) + message(thought) + turns(4, from: 2) + message(thought)),
    ]
  }()

  private func expectEqual(_ template: ChatTemplate) {
    for (number, conversation) in Self.conversations.enumerated() {
      guard let prefixes = try? PrefixRenderings(conversation, template) else {
        #expect(throws: TokenizationError.self) {
          try template.render(conversation, addGenerationPrompt: false)
        }
        continue
      }
      let plain = try? template.render(conversation, addGenerationPrompt: false)
      #expect(plain?.bytes == prefixes.whole.bytes && plain?.stretches == prefixes.whole.stretches)
      for count in 0..<conversation.messages.count {
        for prompt in [false, true] {
          let own = try? template.render(conversation.prefix(count), addGenerationPrompt: prompt)
          let found = prefixes.rendering(of: count, addGenerationPrompt: prompt)
          #expect(
            own?.text == found?.text && own?.stretches == found?.stretches,
            "\(template.name), conversation \(number), \(count) messages, prompt \(prompt)")
        }
      }
    }
  }

  private func cameAlong(
    _ source: String, prompt: Bool = false
  ) throws -> (found: [Int: JinjaPrefixes.Found], wanted: Set<Int>) {
    let template = try ChatTemplate(name: "t", source: source)
    let conversation = Self.conversations[0]
    let wanted = Set(0..<conversation.messages.count)
    let prefixes = JinjaPrefixes(wanted: wanted)
    _ = try template.render(conversation, addGenerationPrompt: prompt, prefixes: prefixes)
    return (prefixes.found, wanted)
  }

  @Test(arguments: incremental)
  func templatesThatGoMessageByMessageGiveAllPrefixesAtOnce(source: String) throws {
    expectEqual(try ChatTemplate(name: source, source: source))
    let (found, wanted) = try cameAlong(source)
    // A template that asks for the first message has seen that the list is not empty; one for the sixth, that it is no shorter.
    #expect(Set(found.keys).isSuperset(of: wanted.filter { $0 > 5 }), "\(found.keys.sorted())")
  }

  @Test(arguments: others)
  func templatesThatLookAheadGiveTheSamePrefixesByThemselves(source: String) throws {
    expectEqual(try ChatTemplate(name: source, source: source))
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 15, 16, 17, 18, 19])
  func nothingComesAlongOnceThePrefixesDiffer(index: Int) throws {
    let (found, _) = try cameAlong(Self.others[index])
    // Before the template looks, prefixes are still alike: of the first items that may be one.
    #expect(found.count <= 1, "\(Self.others[index]): \(found.keys.sorted())")
  }

  @Test(arguments: NamedTemplates.names)
  func namedTemplatesGiveTheSamePrefixes(name: String) throws {
    var template = try ChatTemplate.named(name)
    template.beginning = "<s>"
    template.end = "</s>"
    expectEqual(template)
  }

  @Test func aPrefixThatTheTemplateRefusesIsRefused() throws {
    let source =
      "{% for message in messages %}\(Self.line){% endfor %}"
      + "{% if messages|length == 4 %}{{ raise_exception('four') }}{% endif %}"
    let (found, _) = try cameAlong(source)
    #expect(found[4] != nil && found[4]?.end == nil && found[5]?.end != nil)
  }

  @Test func aForkCostsTheWholeNoSteps() throws {
    // Each end writes as much as a tenth of all steps allow.
    let source =
      "{% for message in messages %}\(Self.line){% endfor %}{% for i in range(100000) %}{% endfor %}"
      + "{% for i in range(100000) %}{% endfor %}{% for i in range(100000) %}{% endfor %}"
    let turns = (0..<40).map { ChatMessage($0 % 2 == 0 ? .user : .assistant, "\($0)") }
    let template = try ChatTemplate(name: "t", source: source)
    let prefixes = try PrefixRenderings(Conversation(turns), template)
    #expect(prefixes.rendering(of: 2, addGenerationPrompt: false) != nil)
  }
}
