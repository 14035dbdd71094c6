/// `strftime` in the C locale, with glibc's flags (`-`, `_`, `0`, `^`, `#`) and widths. A directive
/// that glibc does not know stays as it is written; `%z` and `%Z` are empty because the time has no
/// zone.
extension JinjaClock {
  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
  ]

  /// What a directive says: a number with its width and padding, or text.
  private enum Part {
    case number(Int, width: Int, padding: Character)
    case text(String)
  }

  func formatted(_ format: String) -> String {
    var result = ""
    let scalars = Array(format.unicodeScalars)
    var index = 0
    while index < scalars.count {
      guard scalars[index] == "%" else {
        result.unicodeScalars.append(scalars[index])
        index += 1
        continue
      }
      var end = index + 1
      var flags: [Unicode.Scalar] = []
      while end < scalars.count, "-_0^#".unicodeScalars.contains(scalars[end]) {
        flags.append(scalars[end])
        end += 1
      }
      var width = 0
      while end < scalars.count, scalars[end].value >= 0x30, scalars[end].value <= 0x39 {
        width = min(width * 10 + Int(scalars[end].value - 0x30), 1000)
        end += 1
      }
      if end < scalars.count, scalars[end] == "E" || scalars[end] == "O" { end += 1 }
      if end < scalars.count, let part = part(scalars[end]) {
        result += Self.written(part, flags: flags, width: width, directive: scalars[end])
        index = end + 1
      } else {
        result.unicodeScalars.append("%")
        index += 1
      }
    }
    return result
  }

  private static func written(
    _ part: Part, flags: [Unicode.Scalar], width: Int, directive: Unicode.Scalar
  ) -> String {
    let flag = flags.last { $0 == "-" || $0 == "_" || $0 == "0" }
    switch part {
    case .number(let value, let least, let padding):
      let digits = String(value)
      if flag == "-" { return digits }
      let fill: Character = flag == "_" ? " " : flag == "0" ? "0" : padding
      return String(repeating: fill, count: max(0, max(least, width) - digits.count)) + digits
    case .text(var text):
      if flags.contains("^") { text = text.uppercased() }
      if flags.contains("#") {
        text = directive == "p" ? text.lowercased() : text.uppercased()
      }
      let fill: Character = flag == "0" ? "0" : " "
      return String(repeating: fill, count: max(0, width - text.count)) + text
    }
  }

  private var hour12: Int { hour % 12 == 0 ? 12 : hour % 12 }

  private func part(_ directive: Unicode.Scalar) -> Part? {
    let weekdayName = Self.weekdays[weekday]
    let monthName = Self.months[month - 1]
    switch directive {
    case "a": return .text(String(weekdayName.prefix(3)))
    case "A": return .text(weekdayName)
    case "b", "h": return .text(String(monthName.prefix(3)))
    case "B": return .text(monthName)
    case "c": return .text(formatted("%a %b %e %H:%M:%S %Y"))
    case "C": return .number(year / 100, width: 2, padding: "0")
    case "d": return .number(day, width: 2, padding: "0")
    case "D", "x": return .text(formatted("%m/%d/%y"))
    case "e": return .number(day, width: 2, padding: " ")
    case "f": return .text("000000")
    case "F": return .text(formatted("%Y-%m-%d"))
    case "g": return .number(isoWeek.year % 100, width: 2, padding: "0")
    case "G": return .number(isoWeek.year, width: 1, padding: "0")
    case "H": return .number(hour, width: 2, padding: "0")
    case "I": return .number(hour12, width: 2, padding: "0")
    case "j": return .number(dayOfYear, width: 3, padding: "0")
    case "k": return .number(hour, width: 2, padding: " ")
    case "l": return .number(hour12, width: 2, padding: " ")
    case "m": return .number(month, width: 2, padding: "0")
    case "M": return .number(minute, width: 2, padding: "0")
    case "n": return .text("\n")
    case "p": return .text(hour < 12 ? "AM" : "PM")
    case "P": return .text(hour < 12 ? "am" : "pm")
    case "r": return .text(formatted("%I:%M:%S %p"))
    case "R": return .text(formatted("%H:%M"))
    case "s": return .number(secondsSince1970, width: 1, padding: "0")
    case "S": return .number(second, width: 2, padding: "0")
    case "t": return .text("\t")
    case "T", "X": return .text(formatted("%H:%M:%S"))
    case "u": return .number(weekday == 0 ? 7 : weekday, width: 1, padding: "0")
    case "U": return .number((dayOfYear + 6 - weekday) / 7, width: 2, padding: "0")
    case "V": return .number(isoWeek.week, width: 2, padding: "0")
    case "w": return .number(weekday, width: 1, padding: "0")
    case "W": return .number((dayOfYear + 6 - (weekday + 6) % 7) / 7, width: 2, padding: "0")
    case "y": return .number(year % 100, width: 2, padding: "0")
    case "Y": return .number(year, width: 1, padding: "0")
    case "z", "Z": return .text("")
    case "%": return .text("%")
    default: return nil
    }
  }
}
