/// A chat template: the part of Jinja2 that such templates use, with the semantics of Jinja2 3.1 in
/// the environment that transformers makes (immutable sandbox, `trim_blocks`, `lstrip_blocks`, loop
/// controls, `{% generation %}`, `tojson` of Python's `json`, `raise_exception`, `strftime_now`).
/// What it does not have is an error, never other text.
///
/// Immutable; one template may be rendered on many threads.
struct JinjaTemplate: Sendable {
  private let statements: [JinjaStatement]
  private let entry: JinjaScopeEntry
  private let size: Int
  /// Whether it has `{% generation %}`.
  let usesGeneration: Bool
  /// Its text and its string literals, in order: where a model's markers stand.
  let literals: [String]

  /// Parses a template's text. Throws `syntax` or `limit`.
  init(_ source: String) throws(JinjaError) {
    var parser = try JinjaParser(source: source)
    statements = try parser.parseTemplate()
    (entry, size) = try JinjaResolver.resolve(statements)
    usesGeneration = parser.usesGeneration
    literals = parser.literals
  }

  /// Renders the template.
  /// - Parameters:
  ///   - variables: what the template sees beside the environment's functions; a later one of a
  ///     name replaces an earlier.
  ///   - now: the time that `strftime_now` tells.
  ///   - prefixes: gathers what is written of the first items of the variable that it belongs to.
  /// - Returns: the text in stretches of one provenance; joined, what Jinja2 renders.
  func render(
    _ variables: [(name: String, value: JinjaValue)], now: JinjaClock,
    limits: JinjaLimits = .default, prefixes: JinjaPrefixes? = nil
  ) throws(JinjaError) -> [JinjaPiece] {
    let weight = variables.reduce(0) { $0 + $1.value.weight }
    let meter = JinjaMeter(limits: limits, inputBytes: weight)
    for (name, value) in variables where value.depth > limits.valueDepth {
      throw .limit(
        line: 1, reason: "'\(name)' holds lists and dictionaries deeper than \(limits.valueDepth)")
    }
    let render = JinjaRender(
      meter: meter, now: now,
      variables: Dictionary(variables.map { ($0.name, $0.value) }) { $1 })
    defer { render.close() }
    let frame = JinjaFrame(size: size, parent: nil)
    var output = JinjaStringBuilder(
      meter: meter, limit: limits.outputBytes + limits.memoryPerByte * weight)
    render.enter(entry, frame)
    if let prefixes {
      let fork = JinjaRender.Fork(prefixes: prefixes, rest: [])
      _ = try render.run(statements, frame, into: &output, fork: fork)
    } else {
      _ = try render.run(statements, frame, into: &output)
    }
    return output.finish().pieces()
  }
}
