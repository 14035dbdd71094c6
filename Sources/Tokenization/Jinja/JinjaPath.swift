/// Where filters such as `map(attribute=…)` and `sort(attribute=…)` look: names and indices with
/// dots between them.
struct JinjaPath {
  private let parts: [JinjaValue]
  /// What stands for a part that is not there.
  private let standard: JinjaValue?

  /// The item itself where `attribute` is none.
  init(
    _ attribute: JinjaValue?, _ meter: JinjaMeter, standard: JinjaValue? = nil
  ) throws(JinjaError) {
    self.standard = standard
    switch attribute ?? .none {
    case .none: parts = []
    case .text(let text):
      try meter.spend(bytes: text.bytes.count * 16)
      parts = try text.split(by: JinjaString("."), limit: -1, fromRight: false, meter).map { part in
        part.isAll(JinjaText.isDigit)
          ? JinjaNumber.integer(parsing: part, base: 10) ?? .text(part) : .text(part)
      }
    case let other: parts = [other]
    }
  }

  func value(in item: JinjaValue, _ render: JinjaRender) throws(JinjaError) -> JinjaValue {
    var value = item
    for part in parts {
      value = try render.item(of: value, part)
      if let standard, value.isUndefined { value = standard }
    }
    return value
  }
}
