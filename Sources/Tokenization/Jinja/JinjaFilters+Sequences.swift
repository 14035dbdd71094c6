/// Filters of lists, dictionaries and what else can be iterated.
extension JinjaFilters {
  static let list: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    return try render.list(try render.items(of: value))
  }

  static let items: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    if value.isUndefined { return .object(JinjaRender.iterator(over: [])) }
    return try render.iterator(over: value, isLazy: true) { () throws(JinjaError) in
      guard case .mapping(let dictionary) = value else {
        throw render.meter.fail("items needs a dictionary, not \(value.typeName)")
      }
      return try render.iterator(of: .object(JinjaDictionaryView(dictionary, .items)))
    }
  }

  static let first: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    return try render.iterator(of: value).next() ?? .missing(empty)
  }

  static let last: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    guard let count = render.length(of: value) else {
      throw render.meter.fail("\(value.typeName) has no last item: make a list of it first")
    }
    if count == 0 { return .missing(empty) }
    switch value {
    case .mapping(let dictionary): return dictionary.keys[count - 1]
    case .object(let view as JinjaDictionaryView): return view.item(count - 1, render.meter)
    default: return try render.item(of: value, .integer(-1))
    }
  }

  private static let empty = JinjaUndefined(reason: "the sequence is empty")

  static let reverse: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    if case .text(let text) = value { return .text(try render.part(text, nil, nil, -1)) }
    let items = try render.items(of: value)
    // A value without order from its end becomes a list, others an iterator, as Python's reversed
    // gives.
    if render.length(of: value) == nil {
      return try render.list(items.reversed())
    }
    var index = items.count
    return try render.iterator(over: value) { () throws(JinjaError) in
      guard index > 0 else { return nil }
      index -= 1
      return items[index]
    }
  }

  static let join: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(["d", "attribute"], meter)
    let separator = try soft(values[0] ?? .text(.empty), meter)
    let path = (values[1] ?? .none).isNone ? nil : try JinjaPath(values[1], meter)
    var result = JinjaStringBuilder(meter: meter)
    for (index, item) in try render.items(of: value).enumerated() {
      try meter.step()
      if index > 0 { try result.append(separator) }
      let item = try path?.value(in: item, render) ?? item
      try result.append(try item.string(meter))
    }
    return .text(result.finish())
  }

  static let sum: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["attribute", "start"], render.meter)
    let path = (values[0] ?? .none).isNone ? nil : try JinjaPath(values[0], render.meter)
    var total = values[1] ?? .integer(0)
    if case .text = total { throw render.meter.fail("sum cannot add strings: use join") }
    for item in try render.items(of: value) {
      try render.meter.step()
      total = try render.calculate(total, .add, try path?.value(in: item, render) ?? item)
    }
    return total
  }

  static let batch: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["linecount", "fill_with"], required: 1, render.meter)
    let fill = (values[1] ?? .none).isNone ? nil : values[1]
    return try render.iterator(over: value, isLazy: true) { () throws(JinjaError) in
      let count = try render.integer(values[0], default: 1)
      let source = try render.iterator(of: value)
      var ahead = try source.next()
      // A size of 0 is reached before the first item and never again, one below 0 never.
      var isFirst = true
      return JinjaIterator(over: value) { () throws(JinjaError) in
        guard ahead != nil else { return nil }
        defer { isFirst = false }
        if count == 0, isFirst { return try render.list([]) }
        var row: [JinjaValue] = []
        while let item = ahead {
          row.append(item)
          ahead = try source.next()
          try render.meter.step()
          if row.count == count { break }
        }
        if let fill, row.count < count {
          let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: 16)
          try render.meter.expect(bytes: isTooLarge ? .max : bytes)
          row += Array(repeating: fill, count: count - row.count)
        }
        return try render.list(row)
      }
    }
  }

  static let slice: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let values = try arguments.bound(["slices", "fill_with"], required: 1, render.meter)
    let fill = (values[1] ?? .none).isNone ? nil : values[1]
    return try render.iterator(over: value, isLazy: true) { () throws(JinjaError) in
      let slices = try render.integer(values[0], default: 1)
      let items = try render.items(of: value)
      guard slices != 0 else { throw render.meter.fail("slice into no slices") }
      let (size, extra) = (items.count / max(slices, 1), items.count % max(slices, 1))
      var (number, start) = (0, 0)
      return JinjaIterator(over: value) { () throws(JinjaError) in
        guard number < slices else { return nil }
        let end = start + size + (number < extra ? 1 : 0)
        var part = Array(items[start..<end])
        if let fill, number >= extra { part.append(fill) }
        start = end
        number += 1
        return try render.list(part)
      }
    }
  }

  static let map: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    try render.iterator(over: value, isLazy: true) { () throws(JinjaError) in
      guard value.isTrue else { return JinjaRender.iterator(over: []) }
      let transform = try transform(arguments, render)
      let source = try render.iterator(of: value)
      return JinjaIterator(over: value) { () throws(JinjaError) in
        try render.meter.step()
        guard let item = try source.next() else { return nil }
        return try transform(item)
      }
    }
  }

  private static func transform(
    _ arguments: JinjaArguments, _ render: JinjaRender
  ) throws(JinjaError) -> (JinjaValue) throws(JinjaError) -> JinjaValue {
    let meter = render.meter
    if arguments.positional.isEmpty, arguments.named.contains(where: { $0.name == "attribute" }) {
      let values = try JinjaArguments(named: arguments.named).bound(
        ["attribute", "default"], meter)
      let standard = (values[1] ?? .none).isNone ? nil : values[1]
      let path = try JinjaPath(values[0], meter, standard: standard)
      return { (item) throws(JinjaError) in try path.value(in: item, render) }
    }
    guard let first = arguments.positional.first else {
      throw meter.fail("map needs the name of a filter or an attribute")
    }
    guard case .text(let name) = first, let filter = named[name.text] else {
      throw meter.fail("there is no filter '\(try first.string(meter).text)'")
    }
    var rest = arguments
    rest.positional.removeFirst()
    return { (item) throws(JinjaError) in try filter(render, item, rest) }
  }

  static func select(accepts: Bool, byAttribute: Bool) -> JinjaFilter {
    { (render, value, arguments) throws(JinjaError) in
      try render.iterator(over: value, isLazy: true) { () throws(JinjaError) in
        guard value.isTrue else { return JinjaRender.iterator(over: []) }
        var rest = arguments
        var path: JinjaPath?
        if byAttribute {
          guard !rest.positional.isEmpty else {
            throw render.meter.fail("the name of an attribute is missing")
          }
          path = try JinjaPath(rest.positional.removeFirst(), render.meter)
        }
        var test: JinjaTest?
        if !rest.positional.isEmpty {
          let name = rest.positional.removeFirst()
          guard case .text(let text) = name, let found = JinjaTests.named[text.text] else {
            throw render.meter.fail("there is no test '\(try name.string(render.meter).text)'")
          }
          test = found
        }
        let source = try render.iterator(of: value)
        return JinjaIterator(over: value) { () throws(JinjaError) in
          while let item = try source.next() {
            try render.meter.step()
            let tested = try path?.value(in: item, render) ?? item
            let isAccepted = try test?(render, tested, rest) ?? tested.isTrue
            if isAccepted == accepts { return item }
          }
          return nil
        }
      }
    }
  }
}

extension JinjaRender {
  /// Values of an iterator that is made when the first one is asked for.
  func iterator(
    over source: JinjaValue, isLazy: Bool,
    _ make: @escaping () throws(JinjaError) -> JinjaIterator
  ) throws(JinjaError) -> JinjaValue {
    var made: JinjaIterator?
    return try iterator(over: source) { () throws(JinjaError) in
      if made == nil { made = try make() }
      return try made?.next()
    }
  }
}
