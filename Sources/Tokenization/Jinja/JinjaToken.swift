/// A token of a template with the line that it begins in.
struct JinjaToken: Sendable {
  enum Kind: Equatable, Sendable {
    /// Text between tags.
    case data(String)
    /// `{{` and `}}`.
    case printBegin, printEnd
    /// `{%` and `%}`.
    case blockBegin, blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    /// An integer beyond 64 bits.
    case bigInteger(String)
    case float(Double)
    /// An operator or bracket, as it is written.
    case symbol(Symbol)
    case end
  }

  enum Symbol: String, CaseIterable, Sendable {
    case plus = "+"
    case minus = "-"
    case slash = "/"
    case doubleSlash = "//"
    case star = "*"
    case percent = "%"
    case doubleStar = "**"
    case tilde = "~"
    case openBracket = "["
    case closeBracket = "]"
    case openParenthesis = "("
    case closeParenthesis = ")"
    case openBrace = "{"
    case closeBrace = "}"
    case equal = "=="
    case notEqual = "!="
    case greater = ">"
    case greaterOrEqual = ">="
    case less = "<"
    case lessOrEqual = "<="
    case assign = "="
    case dot = "."
    case colon = ":"
    case pipe = "|"
    case comma = ","
    case semicolon = ";"
  }

  let kind: Kind
  let line: Int

  /// What it is, for errors.
  var description: String {
    switch kind {
    case .data: "text"
    case .printBegin: "{{"
    case .printEnd: "}}"
    case .blockBegin: "{%"
    case .blockEnd: "%}"
    case .name(let name): "'\(name)'"
    case .string: "a string"
    case .integer, .bigInteger, .float: "a number"
    case .symbol(let symbol): "'\(symbol.rawValue)'"
    case .end: "the end of the template"
    }
  }
}
