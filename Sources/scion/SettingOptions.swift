import ArgumentParser
import FineTuning

/// The settings of one section of a recipe, as options of the command line.
///
/// `ArgumentParser` takes options from the property wrappers that a mirror of the type shows, and
/// decodes each by its name. Both are made from the recipe's table here, so that a setting stands
/// in one place; `settingsAreOptions` tests the names, the help and the values.
struct SettingOptions<Section: SettingSection>: ParsableArguments, CustomReflectable {
  /// The values given, by the setting's key.
  private(set) var texts: [String: [String]] = [:]

  init() {}

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: SettingName.self)
    for setting in Section.settings {
      let name = SettingName(setting.key)
      if setting.isSwitch {
        let value = try container.decode(Flag<Bool?>.self, forKey: name).wrappedValue
        texts[setting.key] = value.map { ["\($0)"] }
      } else if setting.isRepeated {
        let values = try container.decode(Option<[String]>.self, forKey: name).wrappedValue
        texts[setting.key] = values.isEmpty ? nil : values
      } else {
        let value = try container.decode(Option<String?>.self, forKey: name).wrappedValue
        texts[setting.key] = value.map { [$0] }
      }
    }
  }

  var customMirror: Mirror {
    Mirror(
      self,
      children: Section.settings.map { setting in
        (label: setting.key, value: Self.wrapper(of: setting))
      })
  }

  /// The property wrapper that a declared option would have.
  private static func wrapper(of setting: RecipeSetting) -> Any {
    var name: NameSpecification = .customLong(setting.flag)
    if let letter = Section.letters[setting.key] {
      name = [.customShort(letter), .customLong(setting.flag)]
    }
    let help = ArgumentHelp(
      setting.flagHelp, valueName: setting.valueName.isEmpty ? nil : setting.valueName)
    if setting.isSwitch { return Flag<Bool?>(name: name, inversion: .prefixedNo, help: help) }
    let completion: CompletionKind? =
      setting.isPath ? .file() : setting.choices.isEmpty ? nil : .list(setting.choices)
    if setting.isRepeated {
      return Option<[String]>(
        wrappedValue: [], name: name, parsing: .unconditionalSingleValue, help: help,
        completion: completion)
    }
    return Option<String?>(
      name: name, parsing: .unconditional, help: help, completion: completion)
  }
}

/// Which settings stand together in a command's help.
protocol SettingSection {
  static var settings: [RecipeSetting] { get }
  /// One-letter names, by key.
  static var letters: [String: Character] { get }
}

extension SettingSection {
  static var letters: [String: Character] { [:] }
}

/// A setting's key as the decoder knows it.
private struct SettingName: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(_ key: String) { stringValue = key }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}

extension RecipeSetting {
  /// `seq_len` → `seq-len`.
  var flag: String { key.replacing("_", with: "-") }

  /// The help with flags for keys, the names of a choice, and the default.
  fileprivate var flagHelp: String {
    var text = ""
    for (index, part) in help.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
      text += index % 2 == 0 ? String(part) : "--\(part.replacing("_", with: "-"))"
    }
    let usual =
      defaultText ?? (isSwitch && isUsuallyOn ? "--\(flag)" : nil)
    guard let usual else { return text }
    let end = text.hasSuffix(".") ? "." : ""
    return "\(text.dropLast(end.count)) (default: \(usual))\(end)"
  }
}
