/// The functions of the environment.
enum JinjaGlobals {
  static let named: [String: JinjaValue] = {
    let functions = [
      range, dictionary, namespace, cycler, joiner, lipsum, raiseException, strftime,
    ]
    return Dictionary(uniqueKeysWithValues: functions.map { ($0.name, .object($0)) })
  }()

  /// Ranges longer than this are refused, as in Jinja2's sandbox.
  private static let longestRange = 100_000

  private static let range = JinjaFunction(name: "range") {
    (render, arguments) throws(JinjaError) in
    let values = try arguments.checked(1...3, render.meter)
    var numbers: [Int] = []
    for value in values { numbers.append(try render.integer(value, default: 0)) }
    let step = numbers.count > 2 ? numbers[2] : 1
    guard step != 0 else { throw render.meter.fail("a range with a step of 0") }
    let range = JinjaRange(
      start: numbers.count > 1 ? numbers[0] : 0, stop: numbers.count > 1 ? numbers[1] : numbers[0],
      step: step)
    guard range.count <= longestRange else {
      throw render.meter.fail("a range of more than \(longestRange) numbers")
    }
    return .object(range)
  }

  /// Pairs of a dictionary or of a list of pairs, then the named arguments.
  private static func entries(
    _ arguments: JinjaArguments, _ render: JinjaRender
  ) throws(JinjaError) -> [(JinjaValue, JinjaValue)] {
    guard arguments.positional.count <= 1 else {
      throw render.meter.fail("a dictionary is made of one value and named ones")
    }
    var entries: [(JinjaValue, JinjaValue)] = []
    switch arguments.positional.first {
    case nil: break
    case .mapping(let dictionary)?: entries = dictionary.entries
    case let value?:
      for pair in try render.items(of: value) {
        let parts = try render.items(of: pair, atMost: 2)
        guard parts.count == 2 else { throw render.meter.fail("a dictionary is made of pairs") }
        entries.append((parts[0], parts[1]))
      }
    }
    for (name, value) in arguments.named { entries.append((render.text(name), value)) }
    return entries
  }

  private static let dictionary = JinjaFunction(name: "dict") {
    (render, arguments) throws(JinjaError) in
    try render.dictionary(try entries(arguments, render))
  }

  static let fromKeys = JinjaFunction(name: "fromkeys") { (render, arguments) throws(JinjaError) in
    let values = try arguments.checked(1...2, render.meter)
    let value = values.count > 1 ? values[1] : .none
    return try render.dictionary(try render.items(of: values[0]).map { ($0, value) })
  }

  private static let namespace = JinjaFunction(name: "namespace") {
    (render, arguments) throws(JinjaError) in
    let namespace = render.makeNamespace()
    for (key, value) in try entries(arguments, render) {
      guard case .text(let name) = key else {
        throw render.meter.fail("a namespace's attributes have names, not \(key.typeName)")
      }
      try render.set(name, to: value, in: namespace)
    }
    return .object(namespace)
  }

  private static let cycler = JinjaFunction(name: "cycler") {
    (render, arguments) throws(JinjaError) in
    guard arguments.named.isEmpty, !arguments.positional.isEmpty else {
      throw render.meter.fail("cycler needs values")
    }
    return .object(JinjaCycler(items: JinjaList(arguments.positional, meter: render.meter)))
  }

  private static let joiner = JinjaFunction(name: "joiner") {
    (render, arguments) throws(JinjaError) in
    let values = try arguments.bound(["sep"], render.meter)
    return .object(JinjaJoiner(separator: values[0] ?? .text(JinjaString(", "))))
  }

  private static let lipsum = JinjaFunction(name: "lipsum") { (render, _) throws(JinjaError) in
    throw render.meter.fail("lipsum is not supported: its text would be another each time")
  }

  private static let raiseException = JinjaFunction(name: "raise_exception") {
    (render, arguments) throws(JinjaError) in
    let values = try arguments.bound(["message"], required: 1, render.meter)
    throw .raised(message: try (values[0] ?? .none).string(render.meter).text)
  }

  private static let strftime = JinjaFunction(name: "strftime_now") {
    (render, arguments) throws(JinjaError) in
    let values = try arguments.bound(["format"], required: 1, render.meter)
    let format = try render.string(values[0])
    guard format.count <= 4096 else {
      throw render.meter.fail("a format of more than 4096 characters")
    }
    try render.meter.spend(bytes: format.bytes.count * 64)
    return render.text(render.now.formatted(format.text))
  }
}
