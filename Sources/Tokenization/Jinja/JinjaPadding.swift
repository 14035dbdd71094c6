/// Text in a field of a given width.
enum JinjaPadding {
  case left, right, center

  /// Filled up to a width in scalars; the filling is the template's, or where the fill character
  /// comes from.
  static func pad(
    _ text: JinjaString, to width: Int, _ fill: JinjaString, _ alignment: JinjaPadding,
    _ meter: JinjaMeter
  ) throws(JinjaError) -> JinjaString {
    let missing = width > text.count ? width - text.count : 0
    if missing == 0 { return text }
    let before: Int
    switch alignment {
    case .left: before = 0
    case .right: before = missing
    // Python's rule: of an odd filling the greater part goes left where the width is odd.
    case .center: before = missing / 2 + (missing & width & 1)
    }
    var result = JinjaStringBuilder(meter: meter)
    try result.append(fill, times: before)
    try result.append(text)
    try result.append(fill, times: missing - before)
    return result.finish(isMarkup: text.isMarkup)
  }
}
