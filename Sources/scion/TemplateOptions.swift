import ArgumentParser
import FineTuning
import Tokenization

/// The flags of commands that write conversations.
struct TemplateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(TemplateName.help, valueName: TemplateName.values),
    completion: .list(TemplateName.all))
  var template = "auto"

  @Option(
    help: ArgumentHelp(
      "The time that a template's strftime_now tells, such as 2026-07-04T09:05:03 (default: now).",
      valueName: "time"))
  var now: String?

  func validate() throws {
    try TemplateName.check(template)
    if let now, TemplateClock(now) == nil {
      throw ValidationError("--now \(now) is not a time such as 2026-07-04T09:05:03")
    }
  }

  var clock: TemplateClock? { now.flatMap { TemplateClock($0) } }
}

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

extension TemplateOptions {
  /// The one that was named, else the run's.
  func template(of recipe: FineTuneRecipe?) -> String {
    template == "auto" ? recipe?.template ?? template : template
  }

  /// The time that was named, else the run's.
  func clock(of recipe: FineTuneRecipe?) -> TemplateClock? {
    clock ?? recipe?.now.flatMap { TemplateClock($0) }
  }
}
