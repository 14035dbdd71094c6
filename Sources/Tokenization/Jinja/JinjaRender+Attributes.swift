/// Attributes, items and slices of values: `x.name` finds a method before a key, `x['name']` a key
/// before a method.
extension JinjaRender {
  func attribute(
    of object: JinjaValue, _ attribute: JinjaAttribute
  ) throws(JinjaError) -> JinjaValue {
    // The most frequent case first: a key of a dictionary that is no method's name.
    if case .mapping(let dictionary) = object, attribute.method == nil,
      attribute.name.bytes.first != UInt8(ascii: "_")
    {
      return dictionary[attribute.name] ?? .missing(attribute.undefined)
    }
    if let found = try member(of: object, attribute.name, attribute.method) { return found }
    if case .mapping(let dictionary) = object, let value = dictionary[attribute.name] {
      return value
    }
    return .missing(attribute.undefined)
  }

  /// What Python's `getattr` finds, nil where there is no such attribute.
  func member(
    of object: JinjaValue, _ name: JinjaString, _ method: JinjaMethod?
  ) throws(JinjaError) -> JinjaValue? {
    if case .missing(let undefined) = object { throw meter.fail(undefined.reason) }
    if let method {
      switch method.standing(in: object) {
      case .allowed:
        let bound = JinjaBoundMethod(receiver: object, method: method)
        return .object(bound)
      case .forbidden:
        return .missing(
          JinjaUndefined(
            reason: "'\(name.text)' would change \(object.typeName), which the sandbox forbids"))
      case .absent: break
      }
    }
    if name.bytes.starts(with: Array("__".utf8)), name.bytes.count > 4,
      name.bytes.suffix(2) == [0x5F, 0x5F], Self.internalNames.contains(name.text)
    {
      return .missing(
        JinjaUndefined(reason: "'\(name.text)' is internal, which the sandbox forbids"))
    }
    switch object {
    case .tuple(let list):
      return list.names.firstIndex { name.equals($0) }.map { list.items[$0] }
    case .bool, .integer, .big, .float: return number(object, name.text)
    case .object(let object): return try member(of: object, name)
    default: return nil
    }
  }

  private static let internalNames: Set<String> = [
    "__class__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__", "__getattribute__",
    "__getitem__", "__gt__", "__hash__", "__init__", "__init_subclass__", "__iter__", "__le__",
    "__len__", "__lt__", "__ne__", "__new__", "__reduce__", "__reduce_ex__", "__repr__",
    "__setattr__", "__delattr__", "__sizeof__", "__str__", "__subclasshook__", "__contains__",
    "__add__", "__mul__", "__rmul__", "__getnewargs__", "__getstate__", "__setitem__",
    "__delitem__", "__reversed__", "__or__", "__ror__", "__ior__", "__class_getitem__", "__mod__",
    "__rmod__", "__iadd__", "__imul__",
  ]

  private func number(_ value: JinjaValue, _ name: String) -> JinjaValue? {
    let isFloat = if case .float = value { true } else { false }
    let plain = value.asInteger.map(JinjaValue.integer) ?? value
    switch name {
    case "real": return plain
    case "imag": return isFloat ? .float(0) : .integer(0)
    case "numerator": return isFloat ? nil : plain
    case "denominator": return isFloat ? nil : .integer(1)
    default: return nil
    }
  }

  private func member(
    of object: JinjaObject, _ name: JinjaString
  ) throws(JinjaError) -> JinjaValue? {
    switch object {
    case let namespace as JinjaNamespace: return namespace[name]
    case let loop as JinjaLoop: return try loop.attribute(name.text)
    case let range as JinjaRange:
      switch name.text {
      case "start": return .integer(range.start)
      case "stop": return .integer(range.stop)
      case "step": return .integer(range.step)
      default: return nil
      }
    case let macro as JinjaMacro: return try member(of: macro.definition, name.text)
    case let cycler as JinjaCycler:
      switch name.text {
      case "current": return cycler.items.items[cycler.position]
      case "pos": return .integer(cycler.position)
      case "items": return .tuple(cycler.items)
      default: return nil
      }
    case let joiner as JinjaJoiner:
      switch name.text {
      case "sep": return joiner.separator
      case "used": return .bool(joiner.isUsed)
      default: return nil
      }
    case let function as JinjaFunction where function.name == "dict" && name.equals("fromkeys"):
      return .object(JinjaGlobals.fromKeys)
    default: return nil
    }
  }

  private func member(
    of macro: JinjaMacroDefinition, _ name: String
  ) throws(JinjaError) -> JinjaValue? {
    switch name {
    case "name": return macro.name.map { text($0) } ?? JinjaValue.none
    case "arguments": return try tuple(macro.parameters.map { text($0.name) })
    case "catch_kwargs": return .bool(macro.keywordsSlot != nil)
    case "catch_varargs": return .bool(macro.extraSlot != nil)
    case "caller": return .bool(macro.callerSlot != nil)
    default: return nil
    }
  }

  // MARK: - Items

  func item(
    of object: JinjaValue, _ key: JinjaValue, undefined: JinjaUndefined = .noItem
  ) throws(JinjaError) -> JinjaValue {
    switch object {
    case .mapping(let dictionary):
      if case .text(let name) = key {
        if let value = dictionary[name] { return value }
      } else if key.isHashable, let value = dictionary[key] {
        return value
      }
    case .missing(let undefined): throw meter.fail(undefined.reason)
    default:
      if let index = key.asInteger, let value = element(of: object, index) { return value }
    }
    if case .text(let name) = key,
      let found = try member(of: object, name, JinjaMethod(rawValue: name.text))
    {
      return found
    }
    return .missing(undefined)
  }

  /// The element at an index, from the end where it is negative; nil where there is none.
  private func element(of object: JinjaValue, _ index: Int) -> JinjaValue? {
    func place(_ count: Int) -> Int? {
      let place = index < 0 ? index + count : index
      return place >= 0 && place < count ? place : nil
    }
    switch object {
    case .sequence(let list), .tuple(let list):
      return index < 0 ? place(list.items.count).map { list.items[$0] } : list.item(index)
    case .text(let text):
      guard let place = place(text.count) else { return nil }
      let start = text.offset(ofScalar: place)
      var end = start
      _ = text.scalar(at: &end)
      return .text(text.part(start..<end, meter: meter))
    case .object(let object):
      guard let range = object as? JinjaRange else { return nil }
      return place(range.count).map { .integer(range[$0]) }
    default: return nil
    }
  }

  // MARK: - Slices

  func evaluate(_ slice: JinjaSlice, _ frame: JinjaFrame) throws(JinjaError) -> JinjaValue {
    let object = try evaluate(slice.object, frame)
    func value(_ part: JinjaExpression?) throws(JinjaError) -> Int? {
      guard let part else { return nil }
      let value = try evaluate(part, frame)
      meter.line = slice.line
      return try index(value)
    }
    let (start, stop) = (try value(slice.start), try value(slice.stop))
    let step = try value(slice.step) ?? 1
    meter.line = slice.line
    guard step != 0 else { throw meter.fail("a slice with a step of 0") }
    switch object {
    case .sequence(let list): return try self.list(try part(list.items, start, stop, step))
    case .tuple(let list): return try tuple(try part(list.items, start, stop, step))
    case .text(let text): return .text(try part(text, start, stop, step))
    case .object(let object as JinjaRange):
      let (first, count) = Self.slice(object.count, start, stop, step)
      let begin = object.start &+ first &* object.step
      let (stride, overflow) = object.step.multipliedReportingOverflow(by: step)
      guard !overflow else { throw meter.fail("a slice with too large a step") }
      return .object(JinjaRange(start: begin, stop: begin &+ count &* stride, step: stride))
    case .missing(let undefined): throw meter.fail(undefined.reason)
    default: throw meter.fail("\(object.typeName) cannot be sliced")
    }
  }

  /// The first index of Python's slice of a sequence, and how many it takes.
  static func slice(_ count: Int, _ start: Int?, _ stop: Int?, _ step: Int) -> (Int, Int) {
    let isForward = step > 0
    func clamped(_ index: Int) -> Int {
      let place = index < 0 ? index &+ count : index
      if place < 0 { return isForward ? 0 : -1 }
      return place >= count ? (isForward ? count : count - 1) : place
    }
    let first = start.map(clamped) ?? (isForward ? 0 : count - 1)
    let last = stop.map(clamped) ?? (isForward ? count : -1)
    let distance = isForward ? last - first : first - last
    if distance <= 0 { return (first, 0) }
    return (first, (distance - 1) / Int(clamping: step.magnitude) + 1)
  }

  private func part(
    _ items: [JinjaValue], _ start: Int?, _ stop: Int?, _ step: Int
  ) throws(JinjaError) -> [JinjaValue] {
    let (first, count) = Self.slice(items.count, start, stop, step)
    try meter.spend(bytes: count * 16)
    if step == 1 { return Array(items[first..<first + count]) }
    return (0..<count).map { items[first + $0 * step] }
  }

  func part(
    _ text: JinjaString, _ start: Int?, _ stop: Int?, _ step: Int
  ) throws(JinjaError) -> JinjaString {
    let (first, count) = Self.slice(text.count, start, stop, step)
    if count == 0 { return JinjaString.empty.asMarkup(text.isMarkup, meter: meter) }
    if step == 1 {
      let range = text.offset(ofScalar: first)..<text.offset(ofScalar: first + count)
      return text.part(range, meter: meter)
    }
    // Scalars by their offsets, so that other than ASCII text needs no search for each.
    var offsets: [Int] = []
    if !text.isASCII {
      try meter.expect(bytes: text.count * 8)
      text.forEachScalar { offsets.append($1) }
    }
    var result = JinjaStringBuilder(meter: meter)
    for index in 0..<count {
      var offset = first + index * step
      if !text.isASCII { offset = offsets[offset] }
      let mark = text.mark(at: offset)
      try result.append(text.scalar(at: &offset), mark: mark)
    }
    return result.finish(isMarkup: text.isMarkup)
  }
}
