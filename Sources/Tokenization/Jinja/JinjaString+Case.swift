/// Upper and lower case as Python has them, by Unicode's full mappings; a letter's provenance goes
/// with what it becomes.
extension JinjaString {
  enum Casing { case upper, lower, title, capitalized, swapped, folded }

  func cased(_ casing: Casing, _ meter: JinjaMeter) throws(JinjaError) -> JinjaString {
    var result = JinjaStringBuilder(meter: meter)
    var offset = 0
    var follows = false
    while offset < bytes.count {
      let start = offset
      let scalar = scalar(at: &offset)
      let mapped: String
      switch casing {
      case .upper: mapped = Self.upper(scalar)
      case .lower: mapped = lower(scalar, at: start)
      case .folded: mapped = Self.folded(scalar)
      case .title, .capitalized:
        mapped =
          follows ? lower(scalar, at: start) : scalar.properties.titlecaseMapping
        follows = casing == .capitalized || scalar.properties.isCased
      case .swapped:
        if scalar.properties.isUppercase {
          mapped = lower(scalar, at: start)
        } else {
          mapped = scalar.properties.isLowercase ? Self.upper(scalar) : String(scalar)
        }
      }
      try result.append(mapped, mark: mark(at: start))
    }
    return result.finish(isMarkup: isMarkup)
  }

  static func upper(_ scalar: Unicode.Scalar) -> String {
    if scalar.isASCII {
      let isSmall = scalar.value >= 0x61 && scalar.value <= 0x7A
      return isSmall ? String(Unicode.Scalar(UInt8(scalar.value - 32))) : String(scalar)
    }
    return scalar.properties.uppercaseMapping
  }

  /// The small letter at an offset: a capital sigma at a word's end becomes ς.
  func lower(_ scalar: Unicode.Scalar, at start: Int) -> String {
    if scalar.isASCII {
      let isCapital = scalar.value >= 0x41 && scalar.value <= 0x5A
      return isCapital ? String(Unicode.Scalar(UInt8(scalar.value + 32))) : String(scalar)
    }
    guard scalar.value == 0x3A3 else { return scalar.properties.lowercaseMapping }
    var offset = start
    var precedes = false
    while offset > 0 {
      let other = self.scalar(before: &offset)
      if other.properties.isCaseIgnorable { continue }
      precedes = other.properties.isCased
      break
    }
    offset = start + 2
    var follows = false
    while offset < bytes.count {
      let other = self.scalar(at: &offset)
      if other.properties.isCaseIgnorable { continue }
      follows = other.properties.isCased
      break
    }
    return precedes && !follows ? "ς" : "σ"
  }

  /// Case folding, near enough: the small letter of the capital, with ß and its like written out.
  private static func folded(_ scalar: Unicode.Scalar) -> String {
    if scalar.isASCII { return scalar.properties.lowercaseMapping }
    switch scalar.value {
    // Cherokee folds to capitals; the dotless i has no other case.
    case 0x13A0...0x13F5, 0x131, 0x130: return scalar.value == 0x130 ? "i\u{307}" : String(scalar)
    case 0x13F8...0x13FD, 0xAB70...0xABBF: return scalar.properties.uppercaseMapping
    default: break
    }
    return scalar.properties.uppercaseMapping.unicodeScalars.map(\.properties.lowercaseMapping)
      .joined()
  }

  /// Whether there are letters with case and all of them are of this one.
  func isCased(upper: Bool) -> Bool {
    var hasCase = false
    var offset = 0
    while offset < bytes.count {
      let scalar = scalar(at: &offset)
      let properties = scalar.properties
      if JinjaText.isTitlecase(scalar) || (upper ? properties.isLowercase : properties.isUppercase)
      {
        return false
      }
      if upper ? properties.isUppercase : properties.isLowercase { hasCase = true }
    }
    return hasCase
  }

  /// Python's `str.istitle`.
  var isTitle: Bool {
    var (hasCase, follows) = (false, false)
    var offset = 0
    while offset < bytes.count {
      let scalar = scalar(at: &offset)
      if scalar.properties.isUppercase || JinjaText.isTitlecase(scalar) {
        if follows { return false }
        (hasCase, follows) = (true, true)
      } else if scalar.properties.isLowercase {
        if !follows { return false }
        (hasCase, follows) = (true, true)
      } else {
        follows = false
      }
    }
    return hasCase
  }

  /// Whether it holds characters and all satisfy a condition.
  func isAll(_ condition: (Unicode.Scalar) -> Bool) -> Bool {
    var offset = 0
    while offset < bytes.count {
      if !condition(scalar(at: &offset)) { return false }
    }
    return !isEmpty
  }
}
