import ArgumentParser
import Foundation

/// Options of one value that were given several times: the parser takes the last of them and says nothing. Where they name files
/// that is refused, since whoever names two means both; else a later value overrides an earlier one, which is said.
enum RepeatedOptions {
  /// What the parser tells of a command, as far as it is needed here (`--experimental-dump-help`).
  private struct Description: Decodable {
    struct Command: Decodable {
      let arguments: [Argument]?
    }

    struct Argument: Decodable {
      struct Name: Decodable {
        let kind: String
        let name: String
      }

      let kind: String
      let isRepeating: Bool
      let names: [Name]?
      let valueName: String?

      var namesFiles: Bool { ["path", "file", "folder"].contains(valueName) }
    }

    let command: Command
  }

  /// Sentences about the options of `command` that take one value and stand several times in `arguments`, under whatever of
  /// their names. Throws a usage error where they name files.
  static func notices(
    _ arguments: [String], of command: any ParsableCommand.Type
  ) throws(UsageError) -> [String] {
    let text = Data(command._dumpHelp().utf8)
    guard let description = try? JSONDecoder().decode(Description.self, from: text) else {
      return []
    }
    let options = (description.command.arguments ?? []).filter { $0.kind == "option" }
    var (given, notices) = (Set<Int>(), [String]())
    var rest = arguments[...]
    while let argument = rest.popFirst(), argument != "--" {
      let name = String(argument.prefix { $0 != "=" })
      guard let index = options.firstIndex(where: { names($0).contains(name) }) else { continue }
      // Its value, which may look like an option.
      if name == argument { _ = rest.popFirst() }
      guard !options[index].isRepeating, !given.insert(index).inserted else { continue }
      guard !options[index].namesFiles else {
        throw UsageError("\(name) is given several times and takes one value: give it once")
      }
      let sentence = "\(name) is given several times: the last is used"
      if !notices.contains(sentence) { notices.append(sentence) }
    }
    return notices
  }

  private static func names(_ option: Description.Argument) -> [String] {
    (option.names ?? []).map { ($0.kind == "short" ? "-" : "--") + $0.name }
  }
}
