/// The argument parser's errors in this program's form: one lower-case sentence that ends with what to do, where its own are
/// several lines with the usage of the command.
enum UsageText {
  /// - Parameters:
  ///   - message: the bare message, such as `Unknown option '--rnk'. Did you mean '--rank'?`
  ///   - fullMessage: all lines; its last names the command's help.
  ///   - first: the first argument. Where no command took it, it is what is wrong, whatever the parser met first.
  static func sentence(message: String, fullMessage: String, first: String?) -> String {
    let help = helpCommand(fullMessage)
    if help == "scion --help", let first, !first.hasPrefix("-") {
      return "unknown command '\(first)'; see \(help)"
    }
    var text = message.split(separator: "\n").joined(separator: " ")
    text = text.replacing(". Did you mean ", with: ", did you mean ")
      .replacing(". Please provide ", with: ", provide ")
      // A long list of values has a line each.
      .replacing("one of the following:   - ", with: "one of ")
      .replacing("   - ", with: ", ")
    if text.hasSuffix(".") || text.hasSuffix("?") { text.removeLast() }
    text = text.prefix(1).lowercased() + text.dropFirst()
    return "\(text); see \(help)"
  }

  /// `scion train --help` of the line "  See 'scion train --help' for more information."
  private static func helpCommand(_ fullMessage: String) -> String {
    let parts = fullMessage.split(separator: "'")
    return parts.last { $0.hasPrefix("scion") && $0.hasSuffix("--help") }.map(String.init)
      ?? "scion --help"
  }
}
