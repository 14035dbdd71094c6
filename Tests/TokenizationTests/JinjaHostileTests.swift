import Foundation
import Testing

@testable import Tokenization

/// Templates that do not end, make too much, or nest without bound: an error, on a thread with a
/// small stack.
struct JinjaHostileTests {
  private enum Outcome: Sendable {
    case text(Int)
    case failure(JinjaError)
  }

  /// What secondary threads have on the smallest systems; code that is not optimised needs more.
  #if DEBUG
    private static let stackSize = 4 << 20
  #else
    private static let stackSize = 512 << 10
  #endif

  /// Renders on a thread with a small stack.
  private func outcome(_ source: String) async -> Outcome {
    await withCheckedContinuation { continuation in
      let thread = Thread {
        do throws(JinjaError) {
          let pieces = try JinjaTemplate(source).render(
            [("s", .string("abc", origin: 1)), ("l", .list([.integer(1), .integer(2)]))],
            now: JinjaTemplateTests.clock)
          continuation.resume(returning: .text(pieces.reduce(0) { $0 + $1.text.utf8.count }))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
      thread.stackSize = Self.stackSize
      thread.start()
    }
  }

  private static func grow(_ start: String, _ step: String, _ use: String) -> String {
    "{% set ns = namespace(x=\(start)) %}{% for i in range(60) %}{% set ns.x = \(step) %}{% endfor %}\(use)"
  }

  private static func nested(
    _ open: String, _ middle: String, _ close: String, _ count: Int = 20_000
  ) -> String {
    String(repeating: open, count: count) + middle + String(repeating: close, count: count)
  }

  @Test(arguments: [
    "{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}",
    "{% for a in range(100000) %}{% set x = l | map('string') | list | sort | join %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "{{ 'a' * 1000000000 }}", "{{ 'abc' * 9223372036854775807 }}", "{{ [1] * 1000000000 }}",
    grow("'aaaaaaaaaa'", "ns.x + ns.x", ""), grow("'aaaaaaaaaa'", "ns.x ~ ns.x", ""),
    grow("[1]", "ns.x + ns.x", ""), grow("[1]", "[ns.x, ns.x]", "{{ ns.x }}"),
    grow("[1]", "[ns.x, ns.x]", "{{ ns.x | tojson }}"),
    grow("[1]", "[ns.x, ns.x]", "{{ ns.x | pprint }}"),
    grow("{}", "{'a': ns.x, 'b': ns.x}", "{{ ns.x | tojson(indent=2) }}"),
    "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x=l) %}{% for i in range(100000) %}{% set ns.x = ns.x | map('string') %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = namespace(x=ns.x) %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(x) %}{% if x %}{% for i in [1] %}{{ (1 + (2 * (3 - m([m]) | length))) }}{% endfor %}{% endif %}{% endmacro %}{{ m(1) }}",
    "{% macro m(x) %}{% for i in range(1000) %}{{ m(x) if x }}{% endfor %}{% endmacro %}{{ m(10) }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% macro k() %}{% call m() %}{{ k() }}{% endcall %}{% endmacro %}{{ k() }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{{ 'a' | indent(1000000000, true) }}", "{{ ('a\n' * 10000) | indent(100000) }}",
    "{{ 'a' | center(1000000000) }}", "{{ 'a'.ljust(9223372036854775807) }}",
    "{{ 'a'.zfill(9223372036854775807) }}", "{{ [1] | batch(1000000000, 1) | list }}",
    "{{ [1] | slice(1000000000) | list }}", "{{ [[1]] | tojson(indent=1000000000) }}",
    "{{ ('a' * 100000) | replace('', 'b' * 100000) }}",
    "{{ ('a,' * 5000000).split(',') | length }}",
    "{% set a = 'a' * 2000000 %}{{ a.find('a' * 1000000 ~ 'b') }}",
    "{% set a = 'é' * 1000000 %}{% for i in range(100000) %}{% set c = a[i] %}{% endfor %}",
    "{% set a = range(100000) | list %}{% for i in a %}{% if -1 in a %}{% endif %}{% endfor %}",
    "{% set a = ' ' * 5000000 %}{% for i in range(100000) %}{% set b = a.strip() %}{% endfor %}",
    "{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = dict(ns.d, **{i | string: 1}) %}{% endfor %}",
    "{{ " + nested("(", "1", ")") + " }}", "{{ " + nested("[", "", "]") + " }}",
    "{{ " + nested("{1:", "1", "}") + " }}", "{{ " + nested("-", "1", "") + " }}",
    nested("{% if 1 %}", "", "{% endif %}"), nested("{% for x in l %}", "", ""),
    nested("{% macro m() %}", "", ""), nested("{% set x %}", "", ""),
    "{{ " + nested("1 if 0 else ", "2", "") + " }}", "{{ 1 " + nested("if 0 ", "", "") + " }}",
    "{{ 's'" + nested("|upper", "", "") + " }}", "{{ s" + nested(".a", "", "") + " }}",
    "{{ s" + nested("[0]", "", "") + " }}", "{{ s" + nested("()", "", "") + " }}",
    "{{ " + nested("(a.b[c|d(", "1", ")])") + " }}", "{{ " + nested("x|default(", "1", ")") + " }}",
    "{{ dict(" + (0..<2000).map { "a\($0)=1" }.joined(separator: ",") + ") }}",
    String(repeating: "a", count: 3_000_000),
  ])
  func stopsWhatGrowsWithoutBound(source: String) async {
    guard case .failure(let error) = await outcome(source) else {
      Issue.record("no error: \(source.prefix(200))")
      return
    }
    guard case .limit(_, let reason) = error else {
      Issue.record("\(error): \(source.prefix(200))")
      return
    }
    #expect(!reason.isEmpty)
  }

  @Test(arguments: [
    "{% for a in range(1000000000) %}{% endfor %}", "{{ 10 ** 1000000000 }}",
    "{{ 10.0 ** 100000 }}",
    "{{ '%1000000000d' % 1 }}", "{{ '%.1000000000f' % 1.5 }}", "{{ '%*d' % (1000000000, 1) }}",
    "{{ '{:1000000000}'.format(1) }}", "{{ strftime_now('%1000Y' * 100000) }}",
    "{{ {((1,) * 10000): 1} }}", String(repeating: "{#", count: 300_000),
    String(repeating: "{% raw %}", count: 100_000), "{%" + String(repeating: " ", count: 900_000),
    "{{ '" + String(repeating: "\\\\", count: 400_000), "{{ 9223372036854775807 * 2 }}",
    "{{ -9223372036854775807 - 2 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
    "{{ (-9223372036854775807 - 1) | abs }}", "{{ 1 // 0 }}", "{{ 1.5 % 0 }}",
  ])
  func refusesWhatCannotBe(source: String) async {
    guard case .failure = await outcome(source) else {
      Issue.record("no error: \(source.prefix(200))")
      return
    }
  }

  @Test(arguments: [
    ("{{ " + String(repeating: "1 + ", count: 50_000) + "1 }}", 5),
    ("{{ " + String(repeating: "1 ~ ", count: 50_000) + "1 }}", 50_001),
    ("{{ " + String(repeating: "1 and ", count: 50_000) + "1 }}", 1),
    ("{{ " + String(repeating: "not ", count: 50_000) + "1 }}", 4),
    ("{% if 0 %}" + String(repeating: "{% elif 0 %}", count: 50_000) + "{% endif %}", 0),
    ((0..<2000).map { "{% if 1 %}{% set a\($0) = 1 %}{% endif %}" }.joined(), 0),
    (
      "{{ (-9223372036854775807 - 1) % -1 }}{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807) | list | length }}",
      2
    ),
    (
      "{{ 1.5 | round(1000000000) }}{{ [1, 2][::9223372036854775807] }}{{ 'ab'[-9223372036854775807:9223372036854775807] }}",
      8
    ),
    (
      "{{ 'a'.find('a', -9223372036854775807, 9223372036854775807) }}{{ 'a' * -9223372036854775807 }}",
      1
    ),
    (
      "{{ s[(-9223372036854775807 - 1)] }}{{ s[(-9223372036854775807 - 1):] }}{{ s[::(-9223372036854775807 - 1)] }}",
      4
    ),
    (
      "{{ l[9223372036854775807] }}{{ 'a' | truncate(9223372036854775807, leeway=9223372036854775807) }}",
      1
    ),
  ])
  func rendersWhatIsLongOrExtremeButAllowed(source: String, bytes: Int) async {
    guard case .text(let found) = await outcome(source) else {
      Issue.record("\(await outcome(source)): \(source.prefix(200))")
      return
    }
    #expect(found == bytes)
  }

  @Test func rendersTenMegabytesOfMessages() throws {
    let template = try JinjaTemplate(
      "{%- for m in messages %}{{ '<|' + m.role + '|>' + m['content'] | trim + '<|end|>\n' }}{% endfor %}"
    )
    for (count, text) in [
      (10, String(repeating: "Wörter und words. ", count: 60_000)),
      (50_000, String(repeating: "word ", count: 40)),
    ] {
      let messages = (0..<count).map { _ in
        JinjaValue.dictionary(keysAndValues: [
          ("role", .string("user", origin: 0)), ("content", .string(text, origin: 1)),
        ])
      }
      let pieces = try template.render(
        [("messages", .list(messages))], now: JinjaTemplateTests.clock)
      #expect(pieces.count == 2 * count + 1)
      #expect(pieces.reduce(0) { $0 + $1.text.utf8.count } > 9_000_000)
    }
  }
}
