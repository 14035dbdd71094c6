import ArgumentParser

/// The values of `--template` in this version, for help, completion and checking.
enum TemplateName {
  static let all = ["auto", "chatml", "none"]
  static let values = "auto|chatml|none"
  static let help: String =
    "Chat template: the model's own (auto), chatml, or none."

  /// Throws a usage error for any other name.
  static func check(_ name: String) throws {
    guard all.contains(name) else {
      throw ValidationError("--template \(name) is not supported: give auto, chatml or none")
    }
  }
}
