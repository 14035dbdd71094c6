/// Why a chat template cannot be read or rendered. Lines count from 1.
enum JinjaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The template's text is no template, or uses what this engine does not have.
  case syntax(line: Int, reason: String)
  /// The template called `raise_exception` with this message.
  case raised(message: String)
  /// Something that Jinja2 or Python refuses while rendering, or that this engine does not do.
  case runtime(line: Int, reason: String)
  /// A limit was reached: the template does not end, or makes too much.
  case limit(line: Int, reason: String)

  /// The place and the reason, to stand behind the template's name.
  var description: String {
    switch self {
    case .syntax(let line, let reason): "line \(line): \(reason)"
    case .raised(let message): message
    case .runtime(let line, let reason): "line \(line): \(reason)"
    case .limit(let line, let reason): "line \(line), stopped: \(reason)"
    }
  }
}
