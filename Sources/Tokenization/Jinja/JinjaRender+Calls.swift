/// Calling methods, macros and functions.
extension JinjaRender {
  /// - Parameter caller: the body of a call block.
  func evaluate(
    _ call: JinjaCall, _ frame: JinjaFrame, caller: JinjaMacro?
  ) throws(JinjaError) -> JinjaValue {
    let callee: JinjaValue
    if case .attribute(let attribute) = call.callee, let method = attribute.method {
      let receiver = try evaluate(attribute.object, frame)
      meter.line = attribute.line
      if case .allowed = method.standing(in: receiver) {
        var arguments = try evaluate(call.arguments, frame)
        if let caller { arguments.named.append((name: "caller", value: .object(caller))) }
        meter.line = call.line
        return try invoke(method, of: receiver, arguments)
      }
      callee = try self.attribute(of: receiver, attribute)
    } else {
      callee = try evaluate(call.callee, frame)
    }
    var arguments = try evaluate(call.arguments, frame)
    if let caller { arguments.named.append((name: "caller", value: .object(caller))) }
    meter.line = call.line
    return try invoke(callee, arguments)
  }

  func invoke(_ callee: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
    switch callee {
    case .missing(let undefined): throw meter.fail(undefined.reason)
    case .object(let object):
      switch object {
      case let macro as JinjaMacro: return .text(try expand(macro, arguments))
      case let bound as JinjaBoundMethod:
        return try invoke(bound.method, of: bound.receiver, arguments)
      case let function as JinjaFunction: return try function.body(self, arguments)
      case let loop as JinjaLoop:
        guard let recursive = loop.recursive else {
          throw meter.fail("only a loop marked 'recursive' can be called")
        }
        let values = try arguments.bound(["iterable"], required: 1, meter)
        return .text(
          try recurse(
            recursive.loop, recursive.frame, over: values[0] ?? .none, depth: loop.depth0 + 1))
      case let joiner as JinjaJoiner:
        _ = try arguments.checked(0...0, meter)
        defer { joiner.isUsed = true }
        return joiner.isUsed ? joiner.separator : .text(.empty)
      default: break
      }
    default: break
    }
    throw meter.fail("\(callee.typeName) cannot be called")
  }

  /// The text of a macro.
  private func expand(
    _ macro: JinjaMacro, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaString {
    let definition = macro.definition
    try meter.enter(2)
    defer { meter.leave(2) }
    try meter.spend(
      items: 8 + definition.size + arguments.named.count * definition.parameters.count)
    let frame = JinjaFrame(size: definition.size, parent: macro.frame)
    enter(definition.entry, frame)
    let parameters = definition.parameters
    var named = arguments.named
    for (index, parameter) in parameters.enumerated() {
      if index < arguments.positional.count {
        frame[parameter.slot] = arguments.positional[index]
      } else if let place = named.firstIndex(where: { $0.name == parameter.name }) {
        frame[parameter.slot] = named.remove(at: place).value
      }
    }
    try bindSpecial(definition, frame, arguments, &named)
    for (index, parameter) in parameters.enumerated() where frame[parameter.slot] == nil {
      let place = index - (parameters.count - definition.defaults.count)
      frame[parameter.slot] =
        place >= 0
        ? try evaluate(definition.defaults[place], frame)
        : .missing(JinjaUndefined(reason: "the parameter '\(parameter.name)' was not given"))
    }
    var text = JinjaStringBuilder(meter: meter)
    _ = try run(definition.body, frame, into: &text)
    return text.finish()
  }

  private static let noCaller = JinjaUndefined(reason: "there is no caller")

  /// `caller`, `kwargs` and `varargs`; what is left over without them is an error.
  private func bindSpecial(
    _ definition: JinjaMacroDefinition, _ frame: JinjaFrame, _ arguments: JinjaArguments,
    _ named: inout [(name: String, value: JinjaValue)]
  ) throws(JinjaError) {
    if let slot = definition.callerSlot {
      var caller = JinjaValue.missing(Self.noCaller)
      if let place = named.firstIndex(where: { $0.name == "caller" }) {
        let given = named.remove(at: place).value
        if !given.isNone { caller = given }
      }
      frame.slots[slot] = caller
    }
    let name = definition.name ?? "caller"
    if let slot = definition.keywordsSlot {
      frame.slots[slot] = try dictionary(named.map { (text($0.name), $0.value) })
    } else if let first = named.first {
      throw meter.fail("the macro '\(name)' has no argument '\(first.name)'")
    }
    let extra = arguments.positional.dropFirst(definition.parameters.count)
    if let slot = definition.extraSlot {
      frame.slots[slot] = try tuple(Array(extra))
    } else if !extra.isEmpty {
      throw meter.fail("the macro '\(name)' takes \(definition.parameters.count) arguments at most")
    }
  }

  // MARK: - Methods

  func invoke(
    _ method: JinjaMethod, of receiver: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch receiver {
    case .text(let text): return try JinjaStringMethods(self, text).invoke(method, arguments)
    case .mapping(let dictionary): return try invoke(method, of: dictionary, arguments)
    case .sequence(let list), .tuple(let list):
      if method == .copy {
        _ = try arguments.checked(0...0, meter)
        return .sequence(JinjaList(list.items, meter: meter))
      }
      return try search(list.items, method, arguments)
    case .object(let object): return try invoke(method, of: object, arguments)
    default: break
    }
    _ = try arguments.checked(0...0, meter)
    switch (method, receiver) {
    case (.bitLength, .big): throw meter.fail("integers beyond 64 bits have no bit_length here")
    case (.bitLength, _):
      return .integer(Int.bitWidth - (receiver.asInteger ?? 0).magnitude.leadingZeroBitCount)
    case (.isInteger, .float(let value)): return .bool(value.isFinite && value == value.rounded())
    default: return receiver.asInteger.map(JinjaValue.integer) ?? receiver
    }
  }

  /// `index` and `count` of lists, tuples and ranges.
  private func search(
    _ items: [JinjaValue], _ method: JinjaMethod, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    let values = try arguments.checked(1...(method == .index ? 3 : 1), meter)
    func place(_ position: Int, _ standard: Int) throws(JinjaError) -> Int {
      guard position < values.count else { return standard }
      let index = try integer(values[position], default: 0)
      return min(max(index < 0 ? index + items.count : index, 0), items.count)
    }
    let start = try place(1, 0)
    let end = try place(2, items.count)
    var found = 0
    for index in start..<max(start, end) {
      try meter.step()
      guard try JinjaValue.areEqual(items[index], values[0], meter) else { continue }
      if method == .index { return .integer(index) }
      found += 1
    }
    guard method == .count else { throw meter.fail("the value is not in the list") }
    return .integer(found)
  }

  private func invoke(
    _ method: JinjaMethod, of dictionary: JinjaDictionary, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch method {
    case .get:
      let values = try arguments.checked(1...2, meter)
      guard values[0].isHashable else {
        throw meter.fail("\(values[0].typeName) cannot be a key")
      }
      return dictionary[values[0]] ?? (values.count > 1 ? values[1] : .none)
    case .items, .keys, .values:
      _ = try arguments.checked(0...0, meter)
      let kind: JinjaDictionaryView.Kind =
        method == .items ? .items : method == .keys ? .keys : .values
      return .object(JinjaDictionaryView(dictionary, kind))
    case .fromkeys: return try JinjaGlobals.fromKeys.body(self, arguments)
    default:
      _ = try arguments.checked(0...0, meter)
      return .mapping(JinjaDictionary(dictionary.entries, meter: meter))
    }
  }

  private func invoke(
    _ method: JinjaMethod, of object: JinjaObject, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch (object, method) {
    case (let loop as JinjaLoop, .cycle):
      guard arguments.named.isEmpty, !arguments.positional.isEmpty else {
        throw meter.fail("loop.cycle needs values")
      }
      return arguments.positional[loop.index0 % arguments.positional.count]
    case (let loop as JinjaLoop, .changed):
      guard arguments.named.isEmpty else {
        throw meter.fail("loop.changed takes no named argument")
      }
      if let last = loop.lastChanged, last.count == arguments.positional.count {
        var isSame = true
        for (a, b) in zip(last, arguments.positional) where isSame {
          isSame = try JinjaValue.areEqual(a, b, meter)
        }
        if isSame { return .bool(false) }
      }
      loop.lastChanged = arguments.positional
      return .bool(true)
    case (let cycler as JinjaCycler, .next):
      _ = try arguments.checked(0...0, meter)
      let value = cycler.items.items[cycler.position]
      cycler.position = (cycler.position + 1) % cycler.items.items.count
      return value
    case (let cycler as JinjaCycler, .reset):
      _ = try arguments.checked(0...0, meter)
      cycler.position = 0
      return .none
    case (let range as JinjaRange, _):
      return try search(try items(of: .object(range)), method, arguments)
    default: throw meter.fail("\(object.typeName) has no such method")
    }
  }
}
