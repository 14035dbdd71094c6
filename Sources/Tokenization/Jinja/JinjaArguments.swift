/// The values that a filter, test, method, macro or function is called with.
struct JinjaArguments {
  var positional: [JinjaValue] = []
  var named: [(name: String, value: JinjaValue)] = []

  var isEmpty: Bool { positional.isEmpty && named.isEmpty }

  /// The arguments in the order of the parameters' names, nil where one is not given.
  /// - Parameter required: how many of the first parameters must be given.
  func bound(
    _ names: [String], required: Int = 0, _ meter: JinjaMeter
  ) throws(JinjaError) -> [JinjaValue?] {
    guard positional.count <= names.count else {
      throw meter.fail(
        names.isEmpty ? "it takes no argument" : "it takes at most \(names.count) arguments")
    }
    var values: [JinjaValue?] = positional
    values += Array(repeating: nil, count: names.count - positional.count)
    for (name, value) in named {
      guard let place = names.firstIndex(of: name) else {
        throw meter.fail("it has no argument '\(name)'")
      }
      guard values[place] == nil else { throw meter.fail("the argument '\(name)' is there twice") }
      values[place] = value
    }
    for place in 0..<required where values[place] == nil {
      throw meter.fail("the argument '\(names[place])' is missing")
    }
    return values
  }

  /// That only positional arguments are given, so many of them.
  func checked(_ counts: ClosedRange<Int>, _ meter: JinjaMeter) throws(JinjaError) -> [JinjaValue] {
    guard named.isEmpty else { throw meter.fail("it takes no named argument") }
    guard counts.contains(positional.count) else {
      throw meter.fail(
        "it takes \(counts.lowerBound) to \(counts.upperBound) arguments, not \(positional.count)")
    }
    return positional
  }
}

extension JinjaRender {
  func evaluate(
    _ list: JinjaArgumentList, _ frame: JinjaFrame
  ) throws(JinjaError) -> JinjaArguments {
    var result = JinjaArguments()
    for expression in list.positional { result.positional.append(try evaluate(expression, frame)) }
    for (name, expression) in list.named {
      result.named.append((name: name, value: try evaluate(expression, frame)))
    }
    if let expression = list.list {
      result.positional += try items(of: try evaluate(expression, frame))
    }
    if let expression = list.dictionary {
      guard case .mapping(let dictionary) = try evaluate(expression, frame) else {
        throw meter.fail("what follows ** must be a dictionary")
      }
      let written = result.named
      for (key, value) in zip(dictionary.keys, dictionary.values) {
        guard case .text(let name) = key else { throw meter.fail("keys after ** must be strings") }
        try meter.spend(items: written.count)
        guard !written.contains(where: { $0.name.utf8.elementsEqual(name.bytes) }) else {
          throw meter.fail("the argument '\(name.text)' is there twice")
        }
        result.named.append((name: name.text, value: value))
      }
    }
    return result
  }

  // MARK: - Arguments of a type

  func integer(
    _ value: JinjaValue?, default standard: Int
  ) throws(JinjaError) -> Int {
    guard let value else { return standard }
    guard let integer = value.asInteger else {
      if case .missing(let undefined) = value { throw meter.fail(undefined.reason) }
      throw meter.fail("an integer is needed here, not \(value.typeName)")
    }
    return integer
  }

  /// An index, which may also be none.
  func index(_ value: JinjaValue?) throws(JinjaError) -> Int? {
    guard let value, !value.isNone else { return nil }
    return try integer(value, default: 0)
  }

  func string(_ value: JinjaValue?) throws(JinjaError) -> JinjaString {
    guard case .text(let text)? = value else {
      throw meter.fail("a string is needed here, not \(value?.typeName ?? "nothing")")
    }
    return text
  }
}
