import Foundation

/// Tokens inside tags: names, numbers, strings and operators.
extension JinjaLexer {
  /// One token, or white space. `open` are the brackets that wait for their ends.
  mutating func scanToken(_ open: inout [JinjaToken.Symbol]) throws(JinjaError) {
    let scalar = source[position]
    if JinjaText.isSpace(scalar) {
      advance(to: position + 1)
    } else if isDigit(position) {
      try scanNumber()
    } else if JinjaText.isNamePart(scalar) || scalar == "_" {
      try scanName()
    } else if scalar == "'" || scalar == "\"" {
      try scanString(quote: scalar)
    } else {
      try scanSymbol(&open)
    }
  }

  private func isDigit(_ place: Int) -> Bool {
    place < source.count && source[place].value >= 0x30 && source[place].value <= 0x39
  }

  private mutating func scanName() throws(JinjaError) {
    var end = position
    while end < source.count, JinjaText.isNamePart(source[end]) || source[end] == "_" { end += 1 }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: source[position..<end])
    guard JinjaText.isNameStart(source[position]) else {
      throw fail("a name cannot begin with \(source[position])")
    }
    let name = String(view)
    // Python's names are compared in their compatibility form.
    let isASCII = source[position..<end].allSatisfy(\.isASCII)
    emit(.name(isASCII ? name : name.precomposedStringWithCompatibilityMapping))
    advance(to: end)
  }

  // MARK: - Numbers

  /// Behind digits with single underscores between them.
  private func afterDigits(from place: Int, _ isDigit: (Unicode.Scalar) -> Bool) -> Int {
    var index = place
    while index < source.count {
      if isDigit(source[index]) {
        index += 1
      } else if source[index] == "_", index > place, index + 1 < source.count,
        isDigit(source[index + 1])
      {
        index += 2
      } else {
        break
      }
    }
    return index
  }

  private func plain(_ range: Range<Int>) -> String {
    var view = String.UnicodeScalarView()
    for index in range where source[index] != "_" { view.append(source[index]) }
    return String(view)
  }

  private mutating func scanNumber() throws(JinjaError) {
    func isDecimal(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }
    let start = position
    var end = afterDigits(from: start, isDecimal)
    let followsDot = start > 0 && source[start - 1] == "."
    if !followsDot {
      var isFloat = false
      if end < source.count, source[end] == ".", isDigit(end + 1) {
        isFloat = true
        end = afterDigits(from: end + 1, isDecimal)
      }
      if end < source.count, source[end] == "e" || source[end] == "E" {
        var exponent = end + 1
        if exponent < source.count, source[exponent] == "+" || source[exponent] == "-" {
          exponent += 1
        }
        if isDigit(exponent) {
          isFloat = true
          end = afterDigits(from: exponent, isDecimal)
        }
      }
      if isFloat {
        let text = plain(start..<end)
        emit(.float(Double(text) ?? 0))
        return advance(to: end)
      }
    }
    if source[start] == "0", start + 1 < source.count {
      let letter = source[start + 1].properties.lowercaseMapping
      if let radix = ["x": 16, "o": 8, "b": 2][letter] {
        var first = start + 2
        if first < source.count, source[first] == "_" { first += 1 }
        let stop = afterDigits(from: first) { scalar in
          guard scalar.isASCII, let digit = UInt8(scalar.value).hexadecimal else { return false }
          return digit < UInt32(radix)
        }
        if stop > first {
          guard let value = Int(plain(first..<stop), radix: radix) else {
            throw fail("an integer of this base beyond 64 bits")
          }
          emit(.integer(value))
          return advance(to: stop)
        }
      }
      end = afterDigits(from: start) { $0 == "0" }
    }
    let text = plain(start..<end)
    emit(Int(text).map(JinjaToken.Kind.integer) ?? .bigInteger(text))
    advance(to: end)
  }

  // MARK: - Strings

  private mutating func scanString(quote: Unicode.Scalar) throws(JinjaError) {
    var end = position + 1
    while end < source.count, source[end] != quote {
      end += source[end] == "\\" ? 2 : 1
    }
    guard end < source.count else { throw fail("a string has no end: \(quote) is missing") }
    var text = String.UnicodeScalarView()
    var index = position + 1
    while index < end {
      if source[index] == "\\" {
        try appendEscape(at: &index, before: end, to: &text)
      } else {
        text.append(source[index])
        index += 1
      }
    }
    emit(.string(String(text)))
    advance(to: end + 1)
  }

  /// An escape as Python's `unicode-escape` reads it; one that it does not know stays as it is
  /// written.
  private func appendEscape(
    at index: inout Int, before end: Int, to text: inout String.UnicodeScalarView
  ) throws(JinjaError) {
    let letter = source[index + 1]
    index += 2
    switch letter {
    case "\n": return
    case "\\", "'", "\"": text.append(letter)
    case "a": text.append("\u{7}")
    case "b": text.append("\u{8}")
    case "f": text.append("\u{C}")
    case "n": text.append("\n")
    case "r": text.append("\r")
    case "t": text.append("\t")
    case "v": text.append("\u{B}")
    case "0"..."7":
      var value = letter.value - 0x30
      var digits = 1
      while digits < 3, index < end, source[index] >= "0", source[index] <= "7" {
        value = value * 8 + source[index].value - 0x30
        index += 1
        digits += 1
      }
      text.append(Unicode.Scalar(value) ?? "\u{FFFD}")
    case "x", "u", "U":
      let width = letter == "x" ? 2 : letter == "u" ? 4 : 8
      var value: UInt32 = 0
      for _ in 0..<width {
        guard index < end, source[index].isASCII,
          let digit = UInt8(source[index].value).hexadecimal, value < 0x1000_0000
        else { throw fail("\\\(letter) needs \(width) hexadecimal digits") }
        value = value << 4 | digit
        index += 1
      }
      guard let scalar = Unicode.Scalar(value) else {
        throw fail("an escape that is no character: a lone surrogate, or beyond U+10FFFF")
      }
      text.append(scalar)
    case "N":
      throw fail("\\N{…} is not supported: write the character itself, or its \\u escape")
    default:
      text.append("\\")
      if letter.isASCII {
        text.append(letter)
      } else {
        text.append(contentsOf: JinjaText.escape(letter).dropFirst().unicodeScalars)
      }
    }
  }

  // MARK: - Symbols

  private static let byText = Dictionary(
    uniqueKeysWithValues: JinjaToken.Symbol.allCases.map { ($0.rawValue, $0) })

  private mutating func scanSymbol(_ open: inout [JinjaToken.Symbol]) throws(JinjaError) {
    var symbol: JinjaToken.Symbol?
    for length in [2, 1] where symbol == nil && position + length <= source.count {
      symbol = Self.byText[plain(position..<position + length)]
    }
    guard let symbol else { throw fail("unexpected character \(source[position])") }
    switch symbol {
    case .openBrace: open.append(.closeBrace)
    case .openParenthesis: open.append(.closeParenthesis)
    case .openBracket: open.append(.closeBracket)
    case .closeBrace, .closeParenthesis, .closeBracket:
      guard let expected = open.popLast() else { throw fail("unexpected '\(symbol.rawValue)'") }
      guard expected == symbol else {
        throw fail("unexpected '\(symbol.rawValue)', expected '\(expected.rawValue)'")
      }
    default: break
    }
    emit(.symbol(symbol))
    advance(to: position + symbol.rawValue.utf8.count)
  }
}
