/// Equality and order as Python defines them.
extension JinjaValue {
  /// Whether two numbers are equal, nil where one is no number. Integers and floats are compared
  /// exactly.
  static func numbersAreEqual(_ a: JinjaValue, _ b: JinjaValue) -> Bool? {
    if let x = a.asInteger, let y = b.asInteger { return x == y }
    switch (a, b) {
    case (.big(let x), .big(let y)): return x.digits == y.digits
    case (.float(let x), .float(let y)): return x == y
    case (.float(let x), .big(let y)), (.big(let y), .float(let x)):
      return x == y.asFloat && JinjaNumber.integerDigits(x) == y.digits
    case (.float(let x), _): return b.asInteger.map { Int(exactly: x) == $0 }
    case (_, .float(let y)): return a.asInteger.map { Int(exactly: y) == $0 }
    case (.big, _): return b.asInteger.map { _ in false }
    case (_, .big): return a.asInteger.map { _ in false }
    default: return nil
    }
  }

  /// Whether a number is smaller than another, nil where one is no number.
  private static func numberIsLess(_ a: JinjaValue, _ b: JinjaValue) -> Bool? {
    if let x = a.asInteger, let y = b.asInteger { return x < y }
    if case .big(let x) = a, case .big(let y) = b { return x < y }
    if case .big(let x) = a, b.asInteger != nil { return x.isNegative }
    if case .big(let y) = b, a.asInteger != nil { return !y.isNegative }
    guard let x = a.asFloat, let y = b.asFloat else { return nil }
    // An integer that a float cannot hold is compared as an integer.
    if x == y, let i = a.asInteger, let j = Int(exactly: y) { return i < j }
    if x == y, let j = b.asInteger, let i = Int(exactly: x) { return i < j }
    return x < y
  }

  /// Python's `==`.
  static func areEqual(_ a: JinjaValue, _ b: JinjaValue, _ meter: JinjaMeter) throws(JinjaError)
    -> Bool
  {
    switch (a, b) {
    case (.text(let x), .text(let y)):
      try meter.spend(bytes: min(x.bytes.count, y.bytes.count))
      return x == y
    case (.none, .none), (.missing, .missing): return true
    case (.sequence(let x), .sequence(let y)), (.tuple(let x), .tuple(let y)):
      if x === y { return true }
      guard x.items.count == y.items.count else { return false }
      try meter.enter()
      defer { meter.leave() }
      for (i, j) in zip(x.items, y.items) {
        try meter.step()
        guard try areEqual(i, j, meter) else { return false }
      }
      return true
    case (.mapping(let x), .mapping(let y)):
      if x === y { return true }
      guard x.count == y.count else { return false }
      try meter.enter()
      defer { meter.leave() }
      for (key, value) in zip(x.keys, x.values) {
        try meter.step()
        guard let other = y[key], try areEqual(value, other, meter) else { return false }
      }
      return true
    case (.object(let x as JinjaDictionaryView), .object(let y as JinjaDictionaryView))
    where x.kind == .items && y.kind == .items:
      return try areEqual(.mapping(x.dictionary), .mapping(y.dictionary), meter)
    case (.object(let x), .object(let y)): return x.isEqual(to: y)
    default: return numbersAreEqual(a, b) ?? false
    }
  }

  /// Python's `<`; throws where the two have no order.
  static func isLess(_ a: JinjaValue, _ b: JinjaValue, _ meter: JinjaMeter) throws(JinjaError)
    -> Bool
  {
    switch (a, b) {
    case (.text(let x), .text(let y)):
      try meter.spend(bytes: min(x.bytes.count, y.bytes.count))
      return x < y
    case (.sequence(let x), .sequence(let y)), (.tuple(let x), .tuple(let y)):
      try meter.enter()
      defer { meter.leave() }
      for (i, j) in zip(x.items, y.items) {
        try meter.step()
        if try !areEqual(i, j, meter) { return try isLess(i, j, meter) }
      }
      return x.items.count < y.items.count
    case (.missing(let undefined), _), (_, .missing(let undefined)):
      throw meter.fail(undefined.reason)
    default:
      guard let isLess = numberIsLess(a, b) else {
        throw meter.fail("\(a.typeName) and \(b.typeName) have no order")
      }
      return isLess
    }
  }

  /// The items in rising order; those of equal keys keep their order, in a falling one too. A merge
  /// sort, since a key's comparison can throw.
  static func sorted(
    _ items: [JinjaValue], keys: [JinjaValue], descending: Bool, _ meter: JinjaMeter
  ) throws(JinjaError) -> [JinjaValue] {
    var order = Array(items.indices)
    var other = order
    var width = 1
    while width < order.count {
      for start in stride(from: 0, to: order.count, by: 2 * width) {
        let middle = min(start + width, order.count)
        let end = min(start + 2 * width, order.count)
        var (left, right) = (start, middle)
        for place in start..<end {
          try meter.step()
          let takesRight: Bool
          if left == middle {
            takesRight = true
          } else if right == end {
            takesRight = false
          } else if descending {
            takesRight = try isLess(keys[order[left]], keys[order[right]], meter)
          } else {
            takesRight = try isLess(keys[order[right]], keys[order[left]], meter)
          }
          other[place] = order[takesRight ? right : left]
          if takesRight { right += 1 } else { left += 1 }
        }
      }
      swap(&order, &other)
      width *= 2
    }
    return order.map { items[$0] }
  }
}
