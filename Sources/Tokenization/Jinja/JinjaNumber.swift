import Foundation

/// Numbers as Python writes and reads them.
enum JinjaNumber {
  /// Python's `repr` of a float: the shortest digits that read back, an exponent below 1e-4 and
  /// from 1e16 on.
  static func text(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
    let (digits, exponent) = shortestDigits(abs(value))
    let sign = value < 0 ? "-" : ""
    if exponent < -4 || exponent >= 16 {
      let rest = digits.dropFirst()
      let size = abs(exponent)
      return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e"
        + (exponent < 0 ? "-" : "+") + (size < 10 ? "0" : "") + String(size)
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
      return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
  }

  /// The shortest decimal digits of a positive finite number and the power of ten of the first one.
  static func shortestDigits(_ value: Double) -> (digits: String, exponent: Int) {
    var digits = ""
    var point: Int?
    var exponent = 0
    let text = value.description
    for (index, character) in text.enumerated() {
      if character == "e" {
        exponent = Int(text.dropFirst(index + 1)) ?? 0
        break
      }
      if character == "." { point = digits.count } else { digits.append(character) }
    }
    let leading = digits.prefix { $0 == "0" }.count
    let significant = digits.dropFirst(leading)
    let trailing = significant.reversed().prefix { $0 == "0" }.count
    return (
      String(significant.dropLast(trailing)), exponent + (point ?? digits.count) - 1 - leading
    )
  }

  /// A finite number with so many digits after the point, ties to even on its exact value.
  static func fixed(_ value: Double, digits: Int) -> String {
    String(format: "%.\(min(max(digits, 0), 1200))f", value)
  }

  /// The digits of a float's integer part, exactly.
  static func integerDigits(_ value: Double) -> String {
    fixed(value.rounded(.towardZero), digits: 0)
  }

  /// The integer that a float is cut to, nil when it is not finite.
  static func integer(_ value: Double) -> JinjaValue? {
    guard value.isFinite else { return nil }
    if let exact = Int(exactly: value.rounded(.towardZero)) { return .integer(exact) }
    return .bigInteger(digits: integerDigits(value))
  }

  /// Python's `round(value, digits)`: ties to even on the exact value.
  static func rounded(_ value: Double, digits: Int) -> Double {
    guard value.isFinite, digits < 400 else { return value }
    if digits >= 0 { return Double(fixed(value, digits: digits)) ?? value }
    if digits < -400 { return value.sign == .minus ? -0.0 : 0 }
    let places = -digits
    let all = fixed(abs(value), digits: 1100)
    let whole = all.prefix { $0 != "." }
    let fraction = all.dropFirst(whole.count + 1)
    let padded = String(repeating: "0", count: max(0, places + 1 - whole.count)) + whole
    let kept = padded.dropLast(places)
    let cut = padded.suffix(places)
    let half = "5" + String(repeating: "0", count: places - 1)
    let isExactHalf = cut == half && fraction.allSatisfy { $0 == "0" }
    let isOdd = kept.last.flatMap { $0.wholeNumberValue }.map { $0 % 2 == 1 } ?? false
    let rises = isExactHalf ? isOdd : cut >= half
    let base = Double(kept + String(repeating: "0", count: places)) ?? 0
    let result = rises ? base + (Double("1e\(places)") ?? 0) : base
    return value.sign == .minus ? -result : result
  }

  /// Python's `int(text, base)`: white space around, a sign, underscores between digits, a prefix
  /// where the base allows it.
  static func integer(parsing text: JinjaString, base: Int) -> JinjaValue? {
    guard base == 0 || (2...36).contains(base) else { return nil }
    var rest = Substring(JinjaText.stripped(text.text))
    var isNegative = false
    if let sign = rest.first, sign == "-" || sign == "+" {
      isNegative = sign == "-"
      rest = rest.dropFirst()
    }
    var radix = base
    let prefix = rest.prefix(2).lowercased()
    for (name, value) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where prefix == name && (base == 0 || base == value) {
      radix = value
      rest = rest.dropFirst(2)
      if rest.first == "_" { rest = rest.dropFirst() }
    }
    if radix == 0 {
      if rest.first == "0", rest.contains(where: { $0 != "0" && $0 != "_" }) { return nil }
      radix = 10
    }
    guard let digits = plainDigits(rest) else { return nil }
    if let value = Int((isNegative ? "-" : "") + digits, radix: radix) { return .integer(value) }
    guard radix == 10, digits.utf8.count <= 4300, digits.utf8.allSatisfy(\.isDigit) else {
      return nil
    }
    let significant = digits.drop { $0 == "0" }
    return .bigInteger(digits: (isNegative ? "-" : "") + significant)
  }

  /// Digits of any script as ASCII, underscores between them left out; nil where something else
  /// stands.
  private static func plainDigits(_ text: Substring) -> String? {
    var result = ""
    var wasDigit = false
    for scalar in text.unicodeScalars {
      if scalar == "_" {
        guard wasDigit else { return nil }
        wasDigit = false
        continue
      }
      if scalar.isASCII {
        guard scalar.properties.isAlphabetic || UInt8(scalar.value).isDigit else { return nil }
        result.unicodeScalars.append(scalar)
      } else {
        guard scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue
        else { return nil }
        result += String(Int(value))
      }
      wasDigit = true
    }
    return wasDigit ? result : nil
  }

  /// Python's `float(text)`.
  static func float(parsing text: JinjaString) -> Double? {
    let stripped = JinjaText.stripped(text.text)
    switch stripped.lowercased() {
    case "inf", "infinity", "+inf", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "+nan", "-nan": return .nan
    default: break
    }
    var plain = ""
    var last: Unicode.Scalar = "."
    for scalar in stripped.unicodeScalars {
      switch scalar {
      case "0"..."9":
        plain.unicodeScalars.append(scalar)
      case "_":
        guard last >= "0", last <= "9" else { return nil }
      case "+", "-", ".", "e", "E":
        if last == "_" { return nil }
        plain.unicodeScalars.append(scalar)
      default: return nil
      }
      if last == "_", !(scalar >= "0" && scalar <= "9") { return nil }
      last = scalar
    }
    if last == "_" { return nil }
    // Swift reads neither ".5" nor "5."; Python does.
    guard plain.contains(where: { $0 >= "0" && $0 <= "9" }) else { return nil }
    let parts = plain.lowercased().split(separator: "e", omittingEmptySubsequences: false)
    guard parts.count <= 2, var mantissa = parts.first.map(String.init) else { return nil }
    guard mantissa.contains(where: { $0 >= "0" && $0 <= "9" }) else { return nil }
    if mantissa.hasSuffix(".") { mantissa += "0" }
    mantissa = mantissa.replacingOccurrences(of: "-.", with: "-0.")
    mantissa = mantissa.replacingOccurrences(of: "+.", with: "+0.")
    if mantissa.hasPrefix(".") { mantissa = "0" + mantissa }
    return Double(mantissa + (parts.count == 2 ? "e" + parts[1] : ""))
  }
}
