/// Filters that compare items: sorting, extremes, groups.
extension JinjaFilters {
  /// The key that an item is compared by: without case unless it is asked for.
  private static func folded(
    _ value: JinjaValue, _ isCaseSensitive: Bool, _ meter: JinjaMeter
  ) throws(JinjaError) -> JinjaValue {
    guard !isCaseSensitive, case .text(let text) = value else { return value }
    return .text(try text.cased(.lower, meter))
  }

  static let sort: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(["reverse", "case_sensitive", "attribute"], meter)
    let isSensitive = values[1]?.isTrue ?? false
    var paths: [JinjaPath] = []
    if case .text(let text)? = values[2] {
      for part in try text.split(by: JinjaString(","), limit: -1, fromRight: false, meter) {
        paths.append(try JinjaPath(.text(part), meter))
      }
    } else {
      paths = [try JinjaPath(values[2], meter)]
    }
    let items = try render.items(of: value)
    var keys: [JinjaValue] = []
    for item in items {
      var parts: [JinjaValue] = []
      for path in paths {
        parts.append(try folded(try path.value(in: item, render), isSensitive, meter))
      }
      keys.append(parts.count == 1 ? parts[0] : try render.list(parts))
    }
    return try render.list(
      try JinjaValue.sorted(items, keys: keys, descending: values[0]?.isTrue ?? false, meter))
  }

  static let sortedDictionary: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(["case_sensitive", "by", "reverse"], meter)
    let by = values[1] == nil ? "key" : try render.string(values[1]).text
    guard by == "key" || by == "value" else {
      throw meter.fail("a dictionary is sorted by key or by value")
    }
    guard case .mapping(let dictionary) = value else {
      if case .missing(let undefined) = value { throw meter.fail(undefined.reason) }
      throw meter.fail("dictsort needs a dictionary, not \(value.typeName)")
    }
    var keys: [JinjaValue] = []
    for key in by == "key" ? dictionary.keys : dictionary.values {
      keys.append(try folded(key, values[0]?.isTrue ?? false, meter))
    }
    let pairs = try render.items(of: .object(JinjaDictionaryView(dictionary, .items)))
    return try render.list(
      try JinjaValue.sorted(pairs, keys: keys, descending: values[2]?.isTrue ?? false, meter))
  }

  static func extreme(isGreatest: Bool) -> JinjaFilter {
    { (render, value, arguments) throws(JinjaError) in
      let meter = render.meter
      let values = try arguments.bound(["case_sensitive", "attribute"], meter)
      let path = try JinjaPath(values[1], meter)
      var best: (item: JinjaValue, key: JinjaValue)?
      for item in try render.items(of: value) {
        try meter.step()
        let key = try folded(
          try path.value(in: item, render), values[0]?.isTrue ?? false, meter)
        if let best {
          let replaces =
            isGreatest
            ? try JinjaValue.isLess(best.key, key, meter)
            : try JinjaValue.isLess(key, best.key, meter)
          if !replaces { continue }
        }
        best = (item, key)
      }
      return best?.item ?? .missing(JinjaUndefined(reason: "the sequence is empty"))
    }
  }

  static let unique: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(["case_sensitive", "attribute"], meter)
    return try render.iterator(over: value, isLazy: true) { () throws(JinjaError) in
      let path = try JinjaPath(values[1], meter)
      let source = try render.iterator(of: value)
      var seen: Set<JinjaKey> = []
      return JinjaIterator(over: value) { () throws(JinjaError) in
        while let item = try source.next() {
          try meter.step()
          let key = try folded(
            try path.value(in: item, render), values[0]?.isTrue ?? false, meter)
          guard key.isHashable else { throw meter.fail("unique cannot compare \(key.typeName)") }
          if seen.insert(JinjaKey(key)).inserted { return item }
        }
        return nil
      }
    }
  }

  static let groups: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(
      ["attribute", "default", "case_sensitive"], required: 1, meter)
    let standard = (values[1] ?? .none).isNone ? nil : values[1]
    let path = try JinjaPath(values[0], meter, standard: standard)
    let isSensitive = values[2]?.isTrue ?? false
    let items = try render.items(of: value)
    var keys: [JinjaValue] = []
    for item in items {
      keys.append(try folded(try path.value(in: item, render), isSensitive, meter))
    }
    let order = try JinjaValue.sorted(
      items.indices.map(JinjaValue.integer), keys: keys, descending: false, meter
    ).compactMap(\.asInteger)
    var groups: [JinjaValue] = []
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count,
        try JinjaValue.areEqual(keys[order[start]], keys[order[end]], meter)
      {
        end += 1
      }
      let members = order[start..<end].map { items[$0] }
      let key = isSensitive ? keys[order[start]] : try path.value(in: members[0], render)
      groups.append(
        try render.tuple([key, try render.list(members)], names: ["grouper", "list"]))
      start = end
    }
    return try render.list(groups)
  }
}
