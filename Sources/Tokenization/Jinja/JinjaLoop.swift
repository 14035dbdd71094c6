/// `loop`: where a loop is, what comes before and after. It looks one value ahead only when it is
/// asked.
final class JinjaLoop: JinjaObject, @unchecked Sendable {
  private var iterator: JinjaIterator
  private var known: Int?
  private var ahead: JinjaValue?
  private var current: JinjaValue?
  private var before: JinjaValue?
  var lastChanged: [JinjaValue]?
  private(set) var index0 = -1
  let depth0: Int
  /// A recursive loop with the frame that it stands in.
  let recursive: (loop: JinjaFor, frame: JinjaFrame)?
  private let render: JinjaRender
  override var typeName: String { "a loop" }

  /// - Parameter count: how many values there are, nil when only the end tells.
  init(
    _ iterator: JinjaIterator, count: Int?, depth0: Int,
    recursive: (loop: JinjaFor, frame: JinjaFrame)?, render: JinjaRender
  ) {
    self.iterator = iterator
    known = count
    self.depth0 = depth0
    self.recursive = recursive
    self.render = render
  }

  var index: Int { index0 + 1 }

  /// The next value of the loop.
  func advance() throws(JinjaError) -> JinjaValue? {
    let value: JinjaValue
    if let ahead {
      value = ahead
      self.ahead = nil
    } else if let next = try iterator.next() {
      value = next
    } else {
      return nil
    }
    index0 += 1
    before = current
    current = value
    return value
  }

  private func peek() throws(JinjaError) -> JinjaValue? {
    if ahead == nil { ahead = try iterator.next() }
    return ahead
  }

  func length() throws(JinjaError) -> Int {
    if let known { return known }
    var rest: [JinjaValue] = []
    while let value = try iterator.next() {
      try render.meter.step()
      rest.append(value)
    }
    let count = rest.count + index + (ahead == nil ? 0 : 1)
    known = count
    iterator = JinjaRender.iterator(over: rest)
    return count
  }

  private static let noPrevious = JinjaUndefined(reason: "there is no previous item")
  private static let noNext = JinjaUndefined(reason: "there is no next item")

  func attribute(_ name: String) throws(JinjaError) -> JinjaValue? {
    switch name {
    case "index": return .integer(index)
    case "index0": return .integer(index0)
    case "revindex": return .integer(try length() - index0)
    case "revindex0": return .integer(try length() - index)
    case "first": return .bool(index0 == 0)
    case "last": return .bool(try peek() == nil)
    case "length": return .integer(try length())
    case "depth": return .integer(depth0 + 1)
    case "depth0": return .integer(depth0)
    case "previtem": return index0 == 0 ? .missing(Self.noPrevious) : before ?? .undefined
    case "nextitem": return try peek() ?? .missing(Self.noNext)
    default: return nil
    }
  }
}
