import Foundation

/// How a value is written in a field: what `%08.3f` and `{:>8.3f}` say after their begin.
struct JinjaField {
  var fill = JinjaString(" ")
  /// `<`, `>`, `^` or `=` (between sign and digits); nil: by the type.
  var alignment: Unicode.Scalar?
  /// `-`, `+` or a space.
  var sign: Unicode.Scalar = "-"
  var isAlternate = false
  var width = 0
  /// `,` or `_` between groups of digits.
  var grouping: Unicode.Scalar?
  var precision: Int?
  /// The letter of the type, nil where none is written.
  var type: Unicode.Scalar?
  /// A zero before the width, which fills numbers between sign and digits.
  var zeroPads = false

  /// Widths and precisions beyond this are refused.
  static let largest = 1 << 20

  // MARK: - Text

  /// Text cut to the precision and filled to the width.
  func text(_ text: JinjaString, _ render: JinjaRender) throws(JinjaError) -> JinjaString {
    let cut = try precision.map { (count) throws(JinjaError) in
      try render.part(text, 0, count, 1)
    }
    return try padded(cut ?? text, standard: "<", render)
  }

  private func padded(
    _ text: JinjaString, standard: Unicode.Scalar, _ render: JinjaRender
  ) throws(JinjaError) -> JinjaString {
    let padding: JinjaPadding
    switch alignment ?? standard {
    case "<": padding = .left
    case "^":
      // Unlike str.center, format puts the greater part right.
      let missing = max(0, width - text.count)
      var result = JinjaStringBuilder(meter: render.meter)
      try result.append(fill, times: missing / 2)
      try result.append(text)
      try result.append(fill, times: missing - missing / 2)
      return result.finish()
    default: padding = .right
    }
    return try JinjaPadding.pad(text, to: width, fill, padding, render.meter)
  }

  /// A sign, a prefix and digits, grouped and filled.
  private func number(
    isNegative: Bool, prefix: String, digits: String, groupSize: Int, _ render: JinjaRender
  ) throws(JinjaError) -> JinjaString {
    let sign = isNegative ? "-" : self.sign == "-" ? "" : String(self.sign)
    let head = sign + prefix
    let whole = String(digits.prefix { $0.isHexDigit && ($0.isNumber || groupSize == 4) })
    let tail = String(digits.dropFirst(whole.count))
    var body = grouped(whole, groupSize) + tail
    if alignment == "=" || zeroPads {
      if fill.equals("0"), grouping != nil {
        // So many digits, with their separators, fill the width.
        let room = width - head.count - tail.count
        var count = max(whole.count, (room * groupSize + groupSize) / (groupSize + 1) - 1)
        while count + (count - 1) / groupSize < room { count += 1 }
        let zeros = String(repeating: "0", count: count - whole.count) + whole
        body = grouped(zeros, groupSize) + tail
      }
      var result = JinjaStringBuilder(meter: render.meter)
      try result.append(head)
      try result.append(fill, times: max(0, width - head.count - body.count))
      try result.append(body)
      return result.finish()
    }
    return try padded(JinjaString(head + body, meter: render.meter), standard: ">", render)
  }

  private func grouped(_ digits: String, _ size: Int) -> String {
    guard let grouping, digits.utf8.count > size else { return digits }
    var rest = digits.utf8.count
    var result = ""
    for digit in digits.unicodeScalars {
      if rest % size == 0, rest < digits.utf8.count { result.unicodeScalars.append(grouping) }
      result.unicodeScalars.append(digit)
      rest -= 1
    }
    return result
  }

  // MARK: - Numbers

  func integer(_ value: JinjaValue, _ render: JinjaRender) throws(JinjaError) -> JinjaString {
    let letter = type ?? "d"
    let decimal: String
    if case .big(let big) = value {
      guard letter == "d" || letter == "n" else {
        throw render.meter.fail("an integer beyond 64 bits in this format is not supported")
      }
      decimal = big.digits
    } else {
      decimal = String(value.asInteger ?? 0)
    }
    let isNegative = decimal.hasPrefix("-")
    var digits = isNegative ? String(decimal.dropFirst()) : decimal
    var prefix = ""
    let magnitude = (value.asInteger ?? 0).magnitude
    switch letter {
    case "d", "n": break
    case "x": (digits, prefix) = (String(magnitude, radix: 16), "0x")
    case "X": (digits, prefix) = (String(magnitude, radix: 16, uppercase: true), "0X")
    case "o": (digits, prefix) = (String(magnitude, radix: 8), "0o")
    case "b": (digits, prefix) = (String(magnitude, radix: 2), "0b")
    default: throw render.meter.fail("the format '\(letter)' is not for integers")
    }
    if let precision, digits.count < precision {
      digits = String(repeating: "0", count: precision - digits.count) + digits
    }
    return try number(
      isNegative: isNegative, prefix: isAlternate ? prefix : "", digits: digits,
      groupSize: letter == "d" || letter == "n" ? 3 : 4, render)
  }

  func float(_ value: Double, _ render: JinjaRender) throws(JinjaError) -> JinjaString {
    var letter = type
    var number = value
    var suffix = ""
    if letter == "%" {
      (letter, suffix) = ("f", "%")
      number *= 100
    }
    if letter == "n" { letter = "g" }
    let isUpper = letter == "E" || letter == "F" || letter == "G"
    var digits: String
    if !number.isFinite {
      digits = number.isNaN ? "nan" : "inf"
      if isUpper { digits = digits.uppercased() }
    } else if let letter {
      guard "eEfFgG".unicodeScalars.contains(letter) else {
        throw render.meter.fail("the format '\(letter)' is not for floats")
      }
      let places = min(precision ?? 6, 1100)
      digits = String(format: "%\(isAlternate ? "#" : "").\(places)\(letter)", number.magnitude)
      if let precision, precision > places, letter != "g", letter != "G" {
        throw render.meter.fail("a precision of more than 1100 digits is not supported")
      }
    } else {
      digits = plain(number.magnitude)
    }
    let isNegative = number.sign == .minus && !number.isNaN
    return try self.number(
      isNegative: isNegative, prefix: "", digits: digits + suffix, groupSize: 3, render)
  }

  /// A float without a letter: its shortest text, or with a precision like `g` but with one digit
  /// after the point at least.
  private func plain(_ number: Double) -> String {
    guard let precision else { return JinjaNumber.text(number) }
    let places = max(precision, 1)
    let scientific = String(format: "%.\(min(places, 1100) - 1)e", number)
    let parts = scientific.split(separator: "e")
    let exponent = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
    var digits = parts.first.map { $0.filter { $0 != "." } } ?? ""
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    if exponent < -4 || exponent >= places - 1 && exponent > 0 || exponent >= places {
      let rest = digits.dropFirst()
      let size = abs(exponent)
      return digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e"
        + (exponent < 0 ? "-" : "+") + (size < 10 ? "0" : "") + String(size)
    }
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
      return digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
  }

  /// `repr` with everything but ASCII escaped.
  static func ascii(_ value: JinjaValue, _ meter: JinjaMeter) throws(JinjaError) -> JinjaString {
    let text = try value.represented(meter)
    if text.isASCII { return text }
    var result = JinjaStringBuilder(meter: meter)
    var offset = 0
    while offset < text.bytes.count {
      let mark = text.mark(at: offset)
      let scalar = text.scalar(at: &offset)
      if scalar.isASCII {
        try result.append(scalar, mark: mark)
      } else {
        try result.append(JinjaText.escape(scalar), mark: mark)
      }
    }
    return result.finish()
  }
}
