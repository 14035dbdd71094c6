import ArgumentParser
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
