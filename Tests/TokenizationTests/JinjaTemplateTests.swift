import Testing

@testable import Tokenization

struct JinjaTemplateTests {
  static let clock = JinjaClock(year: 2026, month: 7, day: 4, hour: 9, minute: 5, second: 3)

  private func pieces(
    _ source: String, _ variables: [(name: String, value: JinjaValue)] = []
  ) throws -> [JinjaPiece] {
    try JinjaTemplate(source).render(variables, now: Self.clock)
  }

  private func text(
    _ source: String, _ variables: [(name: String, value: JinjaValue)] = []
  ) throws -> String {
    try pieces(source, variables).map(\.text).joined()
  }

  private func error(_ source: String) -> JinjaError? {
    do throws(JinjaError) {
      _ = try JinjaTemplate(source).render([], now: Self.clock)
      return nil
    } catch { return error }
  }

  private func piece(_ text: String, _ origin: Int32, _ isGeneration: Bool = false) -> JinjaPiece {
    JinjaPiece(text: text, origin: origin, isGeneration: isGeneration)
  }

  // MARK: - Provenance

  @Test func marksWhatTheTemplateWritesAndWhatTheDataHolds() throws {
    let found = try pieces(
      "<{{ role }}>{{ n }}{{ flag }}{{ content }}\n\n",
      [
        ("role", .string("user", origin: 1)), ("n", .integer(3)), ("flag", .bool(true)),
        ("content", .string("Hi", origin: 2)),
      ])
    #expect(
      found == [
        piece("<", 0), piece("user", 1), piece(">3True", 0), piece("Hi", 2), piece("\n", 0),
      ])
  }

  @Test(
    arguments: [
      ("{{ a + '-' + b }}", ["1xY ", "0-", "2é"]),
      ("{{ a ~ b }}", ["1xY ", "2é"]),
      ("{{ [a, b] | join(', ') }}", ["1xY ", "0, ", "2é"]),
      ("{{ (a ~ b)[1:] }}", ["1Y ", "2é"]),
      ("{{ (a ~ b)[::-1] }}", ["2é", "1 Yx"]),
      ("{{ (a ~ b)[-1] }}", ["2é"]),
      ("{{ (b ~ a) | trim | upper }}", ["2É", "1XY"]),
      ("{{ (a ~ b) | replace('Y', '<>') }}", ["1x", "0<>", "1 ", "2é"]),
      ("{{ (a ~ b).split('Y')[1] }}", ["1 ", "2é"]),
      ("{{ {a: [b]} | tojson }}", ["0{\"", "1xY ", "0\": [\"", "2é", "0\"]}"]),
      ("{{ b | tojson(ensure_ascii=true) }}", ["0\"", "2\\u00e9", "0\""]),
      ("{{ [a] }}", ["0['", "1xY ", "0']"]),
      ("{{ '%s|%4s' | format(a, b) }}", ["1xY ", "0|   ", "2é"]),
      ("{{ '{}={b!r}'.format(a, b=b) }}", ["1xY ", "0='", "2é", "0'"]),
      ("{{ (a ~ '\n' ~ b) | indent(2) }}", ["1xY ", "0\n  ", "2é"]),
      ("{{ d.items() | first | first }}{{ d.k }}", ["3k", "4v"]),
      ("{% for c in a ~ b %}{{ c }}{% endfor %}", ["1xY ", "2é"]),
      ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(a) }}", ["0<", "1xY ", "0>"]),
      ("{% set x %}{{ a }}!{% endset %}{{ x }}", ["1xY ", "0!"]),
      (
        "{{ a | center(5) }}{{ b.zfill(3) }}{{ b * 2 }}",
        ["0 ", "1xY ", "0 00", "2ééé"]
      ),
      ("{{ a | e }}{{ b | urlencode }}{{ a | title }}", ["1xY ", "2%C3%A9", "1Xy "]),
      ("{{ a | list | sort | join }}", ["1 xY"]),
      (
        "{{ a | default('z') }}{{ undefined | default(b) }}{{ '' or a }}",
        ["1xY ", "2é", "1xY "]
      ),
    ] as [(String, [String])])
  func keepsProvenanceThroughOperations(source: String, expected: [String]) throws {
    let found = try pieces(
      source,
      [
        ("a", .string("xY ", origin: 1)), ("b", .string("é", origin: 2)),
        ("d", .dictionary([(JinjaString("k", origin: 3), .string("v", origin: 4))])),
      ])
    // The origin, then the text.
    #expect(found.map { "\($0.origin)\($0.text)" } == expected)
  }

  @Test func marksGenerationBlocks() throws {
    let template = try JinjaTemplate(
      "a{% generation %}b{{ x }}{% set y = 1 %}{% endgeneration %}{{ y is defined }}"
        + "{% macro m() %}{% generation %}c{% endgeneration %}{% endmacro %}{{ m() ~ 'd' }}")
    #expect(template.usesGeneration)
    #expect(try !JinjaTemplate("{{ 'generation' }}").usesGeneration)
    #expect(
      try template.render([("x", .string("X", origin: 5))], now: Self.clock) == [
        piece("a", 0), piece("b", 0, true), piece("X", 5, true), piece("False", 0),
        piece("c", 0, true), piece("d", 0),
      ])
  }

  @Test func listsItsTextAndItsStringLiterals() throws {
    let template = try JinjaTemplate(
      "<|a|>{{ '<|b|>' + x['<|c|>'] }}{% if x == \"d\" 'e' %}f{% endif %}")
    #expect(template.literals == ["<|a|>", "<|b|>", "<|c|>", "de", "f"])
  }

  // MARK: - Values

  @Test func measuresInScalarsAndComparesThemExactly() throws {
    let variables: [(name: String, value: JinjaValue)] = [
      ("composed", .string("\u{e9}", origin: 1)), ("split", .string("e\u{301}", origin: 2)),
      ("family", .string("👩‍👩‍👧", origin: 3)),
    ]
    #expect(
      try text(
        "{{ split|length }}{{ family|length }}{{ split[0] }}{{ composed == split }}", variables)
        == "25eFalse")
    #expect(try text("{{ {composed: 1}[split] is defined }}", variables) == "False")
  }

  @Test func printsIntegersBeyond64BitsExactly() throws {
    let digits = "-123456789012345678901234567890"
    let value = try JinjaValue(JSONValue(parsing: "{\"n\": [\(digits)]}"), origin: 1)
    #expect(
      try text("{{ x.n }}{{ x | tojson }}{{ x.n[0] < 0 }}{{ -x.n[0] }}", [("x", value)])
        == "[\(digits)]{\"n\": [\(digits)]}True\(digits.dropFirst())")
    #expect(error("{{ 9223372036854775807 + 1 }}") != nil)
  }

  @Test func takesTheLastOfRepeatedKeysAndVariables() throws {
    let value = JinjaValue.dictionary(
      keysAndValues: [("a", .integer(1)), ("b", .integer(2)), ("a", .integer(3))])
    #expect(try text("{{ x }}", [("x", .none), ("x", value)]) == "{'a': 3, 'b': 2}")
  }

  @Test func findsKeysOfLargeDictionaries() throws {
    let value = JinjaValue.dictionary(
      keysAndValues: (0..<1000).map { ("key\($0)", JinjaValue.integer($0)) })
    #expect(
      try text(
        "{{ x.key999 }}{{ x['key0'] }}{{ x.key1000 is defined }}{{ x | length }}", [("x", value)])
        == "9990False1000")
  }

  // MARK: - Errors

  @Test func givesTheTemplatesOwnMessage() {
    #expect(error("{{ raise_exception('Only é & \\'x\\'') }}") == .raised(message: "Only é & 'x'"))
  }

  @Test(arguments: [
    ("a\n{% if %}", 2), ("{{ 'a\nb' }}\n{{ 1 + }}", 3), ("{# x\n\n#}{% nope %}", 3),
    ("\n\n{{ a", 3),
    ("a\r\nb\r{% endif %}", 3), ("{% raw %}\n{{\n{% endraw %}{% for %}", 3),
  ])
  func namesTheLineOfAFault(source: String, line: Int) {
    guard case .syntax(let found, _)? = error(source) else {
      Issue.record("no syntax error")
      return
    }
    #expect(found == line)
  }

  @Test func namesTheLineWhereRenderingFails() {
    guard
      case .runtime(let line, let reason)? = error(
        "{% set x = none %}\n{% if true %}\n  {{ x.y.z }}\n{% endif %}")
    else {
      Issue.record("no error")
      return
    }
    #expect(line == 3)
    #expect(reason.contains("'y'"))
    #expect(
      error("{{ x | from_json }}")
        == .syntax(line: 1, reason: "there is no filter 'from_json'"))
  }

  @Test func leavesNothingBehindInTheTemplate() throws {
    let template = try JinjaTemplate(
      "{% set ns = namespace(n=0) %}{% macro m() %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{{ x }}"
        + "{% endmacro %}{{ m() }}{{ m() }}{% set y = 5 %}")
    for _ in 0..<3 {
      let found = try template.render([("x", .integer(7))], now: Self.clock)
      #expect(found.map(\.text).joined() == "1727")
    }
  }
}
