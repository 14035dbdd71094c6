import ArgumentParser
import Tokenization

/// The values of `--template`, for help, completion and checking.
enum TemplateName {
  static let all = ["auto"] + NamedTemplates.names
  static let values = "name|file"
  static let help =
    "Chat template: the model's own (auto), a common one (\(common)), none (turns joined plainly), "
    + "or a file in Jinja."

  private static let common = NamedTemplates.names.filter { $0 != "none" }
    .joined(separator: ", ")

  /// Throws a usage error for a word that is no name and cannot be a file.
  static func check(_ name: String) throws {
    guard all.contains(name) || name.contains(where: { "./".contains($0) }) else {
      throw ValidationError(
        "--template \(name) is not supported: give \(all.joined(separator: ", ")) or a file.jinja")
    }
  }
}
