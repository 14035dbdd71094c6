/// What libFuzzer calls (`scripts/fuzz-templates` builds it): the input is a template, or JSON where it begins with a
/// NUL; whatever it is, parsing and rendering end with a result or an error.
///
/// Not part of the package: `JinjaTemplate` and `JSONValue` are compiled into one module with it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = unsafe UnsafeBufferPointer(start: start, count: count)
  if unsafe bytes.first == 0 {
    _ = try? JSONValue(parsing: unsafe Array(bytes.dropFirst()))
    return 0
  }
  guard let source = unsafe String(validating: bytes, as: UTF8.self),
    let template = try? JinjaTemplate(source)
  else { return 0 }
  guard let pieces = try? template.render(variables, now: clock, limits: limits) else { return 0 }
  // Every character has an origin that somebody gave.
  precondition(pieces.allSatisfy { (-1...4).contains($0.origin) && !$0.text.isEmpty })
  return 0
}

private let limits = JinjaLimits.default

private let clock = JinjaClock(year: 2026, month: 7, day: 4, hour: 9, minute: 5, second: 3)

private let record = """
  [{"role": "system", "content": "Be brief. \\u00a0"},
   {"role": "user", "content": [{"type": "text", "text": "a <b> & 'c' \\"d\\""}, {"type": "image"}]},
   {"role": "assistant", "content": "\\ud83d\\ude00\\n", "reasoning_content": "why", "tool_calls": [{"id": "1",
    "function": {"name": "f", "arguments": {"x": 1.5, "y": [1, 2, null], "z": 12345678901234567890123}}}]},
   {"role": "tool", "content": "{}", "tool_call_id": "1"}]
  """

private let tools = """
  [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}]
  """

private let variables: [(name: String, value: JinjaValue)] = {
  func read(_ text: String) -> JSONValue {
    guard let value = try? JSONValue(parsing: text) else { preconditionFailure("not JSON") }
    return value
  }
  guard case .array(let messages) = read(record) else { preconditionFailure("no messages") }
  return [
    (
      "messages",
      .list(messages.enumerated().map { JinjaValue($1, origin: Int32($0) + 1) })
    ),
    ("tools", JinjaValue(read(tools), origin: -1)), ("add_generation_prompt", .bool(true)),
    ("bos_token", .string("<s>", origin: 0)), ("eos_token", .string("</s>", origin: 0)),
    ("n", .integer(3)), ("big", .integer(.max)), ("f", .float(0.1)), ("nothing", .none),
  ]
}()
